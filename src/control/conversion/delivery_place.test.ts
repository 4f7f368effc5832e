import { expect, test } from 'vitest';
import { deliveryPlace } from './delivery_place.ts';

test.each([
  ['s3://bucket/a?region=eu-west-1', 's3://bucket'],
  ['s3://bucket/b?region=eu-west-1', 's3://bucket'],
  ['s3://bucket/a?endpoint=https%3A%2F%2Fminio.example.com%3A9000', 'https://minio.example.com:9000'],
  ['s3://other?endpoint=https%3A%2F%2Fminio.example.com%3A9000', 'https://minio.example.com:9000'],
  ['gs://bucket/a', 'gs://bucket'],
  ['file:///var/captures/a', 'file:///var/captures/a'],
  ['not a destination', 'not a destination'],
])('%s is at %s', (destination, place) => {
  expect(deliveryPlace(destination)).toBe(place);
});
