import Fastify from 'fastify';

// The peer of the API benchmark: Fastify with nothing but a route that gives back what it was told to.
const app = Fastify();
let answer = '{}';
app.put('/answer', { bodyLimit: 1 << 24 }, async (request) => {
  answer = JSON.stringify(request.body);
  return {};
});
app.get('/', async (_request, reply) => reply.type('application/json; charset=utf-8').send(answer));
app.post('/', async (_request, reply) => reply.type('application/json; charset=utf-8').send(answer));
console.log(await app.listen({ host: '127.0.0.1', port: 0 }));
