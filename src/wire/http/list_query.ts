import { type Static, Type } from 'typebox';
import { limits } from '../../model/limits.ts';
import { statuses } from '../../model/status.ts';

/** What the numbers of the query can be. */
export const listBounds = {
  page: { minimum: 1, maximum: 1_000_000, default: 1 },
  per_page: { minimum: 1, maximum: limits.list_max, default: limits.list_max },
} as const;

/** The query of lists that have pages and nothing else. */
export const PageQuery = Type.Object(
  { page: Type.Optional(Type.Integer(listBounds.page)), per_page: Type.Optional(Type.Integer(listBounds.per_page)) },
  { title: 'PageQuery' },
);

/** The query of GET /pcaps. */
export const ListQuery = Type.Object(
  {
    page: Type.Optional(Type.Integer(listBounds.page)),
    per_page: Type.Optional(Type.Integer(listBounds.per_page)),
    status: Type.Optional(Type.Enum([...statuses], { type: 'string', description: 'Only captures in this state.' })),
    type: Type.Optional(Type.Enum(['simple', 'full'], { type: 'string', description: 'Only captures of this kind.' })),
  },
  { title: 'ListQuery' },
);

/** The query of GET /pcaps. */
export type ListQuery = Static<typeof ListQuery>;
