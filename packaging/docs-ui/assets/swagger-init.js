// SPDX-License-Identifier: Apache-2.0
// Starts Swagger UI on this server's document. Tokens live in the page only: a reload forgets them.
'use strict';

SwaggerUIBundle({
  url: '/api/v1/openapi.json',
  dom_id: '#swagger-ui',
  presets: [SwaggerUIBundle.presets.apis],
  layout: 'BaseLayout',
  deepLinking: true,
  displayOperationId: false,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  validatorUrl: null, // the default asks a foreign host
});
