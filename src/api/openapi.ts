import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifyReply } from 'fastify';
import type { ApiInstance } from './api_instance.ts';
import type { ApiOptions } from './api_options.ts';
import { hoistSchemas } from './hoist_schemas.ts';

const description = `On-demand packet capture, on the interface of the Cloudflare PCAPs API: point its SDKs at this server.

Every JSON answer is an envelope: \`result\`, \`success\`, \`errors\`, \`messages\`. Every error has a stable \`code\`; all codes
are listed under [/docs/errors](/docs/errors). A refused body comes back with every error at once, each with the JSON pointer of its
field. The header \`x-should-retry: false\` says that sending the same request again is of no use.`;

/** How the OpenAPI document is made from the schemas of the routes. */
export function openapiOptions({ version, public_url }: ApiOptions): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'edgetap', version, description, license: { name: 'MIT', identifier: 'MIT' } },
      servers: [{ url: public_url ?? '/' }],
      tags: [
        { name: 'Packet captures', description: 'Ask for packets and get one file.' },
        { name: 'Buckets', description: 'Where full captures are delivered, and who owns that.' },
        { name: 'Accounts and tokens', description: 'What the credentials are good for.' },
        { name: 'Operations', description: 'For those who run edgetap.' },
      ],
      components: {
        securitySchemes: {
          api_token: { type: 'http', scheme: 'bearer', description: 'Authorization: Bearer TOKEN' },
          api_email: { type: 'apiKey', in: 'header', name: 'X-Auth-Email' },
          api_key: { type: 'apiKey', in: 'header', name: 'X-Auth-Key' },
        },
      },
    },
    transformObject: (document) => {
      if (!('openapiObject' in document)) throw new TypeError('this is an OpenAPI 3.1 document');
      return hoistSchemas(document.openapiObject);
    },
  };
}

/** The ways to authenticate, any one of them. */
export const security: { [name: string]: string[] }[] = [{ api_token: [] }, { api_email: [], api_key: [] }];

const descriptions = new WeakMap<object, Buffer>();

/** Sends the document of an API that is ready: made once, whoever asks how often. */
export async function sendDescription(app: Pick<ApiInstance, 'swagger'>, reply: FastifyReply): Promise<FastifyReply> {
  const document = app.swagger();
  const known = descriptions.get(document) ?? Buffer.from(JSON.stringify(document));
  descriptions.set(document, known);
  return await reply.type('application/json; charset=utf-8').send(known);
}
