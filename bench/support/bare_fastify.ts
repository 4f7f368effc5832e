import Fastify from 'fastify';

// The peer of the API benchmark: Fastify with nothing but a route that gives back what it was told to.
const app = Fastify();
let answer = '{}';
app.put('/answer', { bodyLimit: 1 << 24 }, (request, reply) => {
  answer = JSON.stringify(request.body);
  void reply.send({});
});
app.get('/', (_request, reply) => void reply.type('application/json; charset=utf-8').send(answer));
app.post('/', (_request, reply) => void reply.type('application/json; charset=utf-8').send(answer));
console.log(await app.listen({ host: '127.0.0.1', port: 0 }));
