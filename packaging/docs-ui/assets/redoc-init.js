// SPDX-License-Identifier: Apache-2.0
// Starts ReDoc on this server's document, with the fonts of the reader's own system.
'use strict';

Redoc.init(
  '/api/v1/openapi.json',
  {
    hideLoading: true,
    nativeScrollbars: true,
    sortPropsAlphabetically: false,
    theme: {
      typography: {
        fontFamily: 'system-ui, sans-serif',
        headings: { fontFamily: 'system-ui, sans-serif' },
        code: { fontFamily: 'ui-monospace, monospace' },
      },
    },
  },
  document.getElementById('redoc'),
);
