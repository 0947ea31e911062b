#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the demo's PDF files out of the texts beside it: make.py [folder for the files; this one if left out].

The same texts give the same bytes: nothing is compressed, and no date and no number drawn at random is in them.
A text begins with "title:", "author:" and "lang:". "# " is a heading and a bookmark, "---" begins a page, paragraphs are parted by
empty lines. Texts are in Latin-1 as far as letters go.
"""
import pathlib
import sys
import textwrap

WIDTH, HEIGHT, MARGIN = 595, 842, 64
COLUMNS = 80
SIZES = {"title": (20, 30), "heading": (14, 24), "text": (11, 15)}


def literal(text):
    """A string as PDF writes it between parentheses."""
    out = bytearray()
    for byte in text.encode("cp1252"):
        if byte in b"()\\":
            out += b"\\"
        if byte < 0x80:
            out.append(byte)
        else:
            out += b"\\%03o" % byte
    return bytes(out)


def read(path):
    """Title, author and pages; a page is a list of (kind, line)."""
    head, pages = {}, [[]]
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        lines = block.strip("\n").split("\n")
        if not head:
            head = dict(line.split(": ", 1) for line in lines)
            pages[-1] += [("title", head["title"]), ("text", "")]
        elif lines == ["---"]:
            pages.append([])
        elif lines[0].startswith("# "):
            pages[-1] += [("heading", lines[0][2:]), ("text", "")]
        elif lines[0]:
            pages[-1] += [("text", line) for line in textwrap.wrap(" ".join(lines), COLUMNS)] + [("text", "")]
    return head, pages


def drawing(page, number):
    """What draws a page, its number at the foot."""
    out, y = [b"BT"], HEIGHT - MARGIN
    for kind, line in page:
        size, step = SIZES[kind]
        y -= step
        font = b"F1" if kind == "text" else b"F2"
        if line:
            out.append(b"/%s %d Tf 1 0 0 1 %d %d Tm (%s) Tj" % (font, size, MARGIN, y, literal(line)))
    if y < MARGIN:
        sys.exit(f"page {number} is too long")
    out.append(b"/F1 9 Tf 1 0 0 1 %d %d Tm (%d) Tj" % (WIDTH // 2, MARGIN // 2, number))
    return b"\n".join(out + [b"ET"])


def bookmarks(pages):
    return [(line, i) for i, page in enumerate(pages) for kind, line in page if kind == "heading"]


def objects(head, pages):
    """Catalog 1, pages 2, fonts 3 and 4, information 5, outline 6, then two for each page, then the bookmarks."""
    marks, first_mark = bookmarks(pages), 7 + 2 * len(pages)
    at = [7 + 2 * i for i in range(len(pages))]
    yield b"<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R /Lang (%s) >>" % literal(head["lang"])
    yield b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(pages), b" ".join(b"%d 0 R" % n for n in at))
    for name in b"Helvetica", b"Helvetica-Bold":
        yield b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>" % name
    yield b"<< /Title (%s) /Author (%s) >>" % (literal(head["title"]), literal(head["author"]))
    yield b"<< /Type /Outlines /First %d 0 R /Last %d 0 R /Count %d >>" % (
        first_mark, first_mark + len(marks) - 1, len(marks))
    for i, page in enumerate(pages):
        drawn = drawing(page, i + 1)
        yield (b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R"
               b" /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>" % (WIDTH, HEIGHT, at[i] + 1))
        yield b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn)
    for i, (title, page) in enumerate(marks):
        before = b"/Prev %d 0 R " % (first_mark + i - 1) if i else b""
        after = b"/Next %d 0 R " % (first_mark + i + 1) if i + 1 < len(marks) else b""
        yield b"<< /Title (%s) /Parent 6 0 R /Dest [%d 0 R /Fit] %s%s>>" % (literal(title), at[page], before, after)


def document(head, pages):
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects(head, pages), 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, table)
    return bytes(out)


def main():
    here = pathlib.Path(__file__).parent
    to = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here
    for source in sorted(here.glob("*.txt")):
        (to / source.with_suffix(".pdf").name).write_bytes(document(*read(source)))


main()
