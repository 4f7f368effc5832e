import helmet from '@fastify/helmet';
import swaggerUi from '@fastify/swagger-ui';
import { errorsPath } from '../wire/http/error_json.ts';
import type { ApiInstance } from './api_instance.ts';
import type { ApiOptions } from './api_options.ts';
import { errorsPage } from './errors_page.ts';
import { sendDescription } from './openapi.ts';

/** What people read in a browser: the API's reference and the list of errors. Documents get the headers that browsers heed. */
export async function docsRoutes(app: ApiInstance, { tls }: ApiOptions): Promise<void> {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.removeHeader('content-security-policy').removeHeader('cache-control');
    done();
  });
  await app.register(helmet, {
    contentSecurityPolicy: {
      directives: {
        'default-src': ["'self'"],
        'img-src': ["'self'", 'data:'],
        'style-src': ["'self'", "'unsafe-inline'"],
        // Without TLS there is nothing to upgrade to.
        'upgrade-insecure-requests': tls === undefined ? null : [],
      },
    },
    strictTransportSecurity: tls === undefined ? false : { maxAge: 31_536_000 },
  });
  // What comes with the page writes it anew each time.
  app.addHook('preHandler', async (request, reply) =>
    request.routeOptions.url === '/docs/json' ? await sendDescription(app, reply) : undefined,
  );
  const page = errorsPage();
  app.get(errorsPath, { schema: { hide: true } }, (_request, reply) => {
    void reply.type('text/html; charset=utf-8').send(page);
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    theme: { title: 'edgetap: API' },
    // Without the bar on top, which is for other documents than this server's.
    uiConfig: { docExpansion: 'list', deepLinking: true, persistAuthorization: false, layout: 'BaseLayout' },
  });
}
