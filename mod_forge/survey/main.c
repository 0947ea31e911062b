/* SPDX-License-Identifier: Apache-2.0
 * forge-survey FOLDER: prints what is in a folder as one JSON document. Status 0; 1: the document could not be written,
 * 2: no such folder, 3: no memory.
 */
#include "survey.h"
#include "util/standard.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int print(forge_survey_span_t document)
{
    return fwrite(document.at, 1, document.len, stdout) == document.len && putchar('\n') != EOF && fflush(stdout) == 0
               ? 0
               : 1;
}

int main(int argc, char *argv[])
{
    if (!forge_util_standard_open())
        return 1;
    forge_survey_t survey = {.folder = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1};
    if (survey.folder < 0) {
        fputs("forge-survey: name one folder\n", stderr);
        return 2;
    }
    forge_survey_walk(&survey);
    forge_survey_look(&survey);
    forge_survey_python(&survey);
    forge_survey_report(&survey);
    const int status = print(forge_survey_document());
    forge_survey_document_drop();
    forge_survey_forget();
    close(survey.folder);
    return status;
}
