import { type Static, Type } from 'typebox';
import { limits } from '../../model/limits.ts';
import { statuses } from '../../model/status.ts';

/** What the numbers of the query can be. */
export const listBounds = {
  page: { minimum: 1, maximum: 1_000_000, default: 1 },
  per_page: { minimum: 1, maximum: limits.list_max, default: limits.list_max },
} as const;

/** What the numbers of the query of buckets can be: whoever asks for no page gets them all, as far as that goes. */
export const bucketListBounds = {
  page: listBounds.page,
  per_page: { minimum: 1, maximum: limits.buckets_list_max, default: limits.buckets_list_max },
} as const;

/** The query of lists that have pages and nothing else. */
export const PageQuery = Type.Object(
  { page: Type.Optional(Type.Integer(listBounds.page)), per_page: Type.Optional(Type.Integer(listBounds.per_page)) },
  { title: 'PageQuery' },
);

/** The query of GET /pcaps/ownership. */
export const BucketListQuery = Type.Object(
  {
    page: Type.Optional(Type.Integer(bucketListBounds.page)),
    per_page: Type.Optional(Type.Integer(bucketListBounds.per_page)),
  },
  { title: 'BucketListQuery' },
);

/** The query of GET /pcaps. */
export const ListQuery = Type.Object(
  {
    page: Type.Optional(
      Type.Integer({
        ...listBounds.page,
        description: `The page times per_page is at most ${limits.list_depth_max}: what lies deeper is reached with before.`,
      }),
    ),
    per_page: Type.Optional(Type.Integer(listBounds.per_page)),
    before: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{32}$',
        description: 'The id of a capture: only those that come after it in the list, which are older.',
      }),
    ),
    status: Type.Optional(Type.Enum([...statuses], { type: 'string', description: 'Only captures in this state.' })),
    type: Type.Optional(Type.Enum(['simple', 'full'], { type: 'string', description: 'Only captures of this kind.' })),
  },
  { title: 'ListQuery' },
);

/** The query of GET /pcaps. */
export type ListQuery = Static<typeof ListQuery>;
