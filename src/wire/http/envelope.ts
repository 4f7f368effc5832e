import { type Static, type TSchema, Type } from 'typebox';

/** One error (or message) of an answer. */
export const ResponseInfo = Type.Object(
  {
    code: Type.Integer({
      minimum: 1000,
      description: 'Stable number of the error; all are listed under /docs/errors.',
    }),
    message: Type.String({ description: 'What happened, where and what to do.' }),
    documentation_url: Type.Optional(Type.String()),
    source: Type.Optional(
      Type.Object(
        {
          pointer: Type.Optional(
            Type.String({
              description:
                'JSON pointer (RFC 6901) of the offending field of the body, or of the query taken as an object; empty for the whole body.',
            }),
          ),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { title: 'ResponseInfo', additionalProperties: false },
);

/** Where a page lies in the whole list. */
export const ResultInfo = Type.Object(
  {
    page: Type.Integer({ minimum: 1 }),
    per_page: Type.Integer({ minimum: 1 }),
    count: Type.Integer({ minimum: 0, description: 'Items on this page.' }),
    total_count: Type.Integer({ minimum: 0, description: 'Items on all pages.' }),
    total_pages: Type.Integer({ minimum: 0 }),
  },
  { title: 'ResultInfo', additionalProperties: false },
);

/** The envelope of a good answer. */
export const envelope = <Result extends TSchema>(result: Result) =>
  Type.Object(
    {
      result,
      success: Type.Literal(true),
      errors: Type.Array(ResponseInfo),
      messages: Type.Array(ResponseInfo),
    },
    { description: 'Done.' },
  );

/** The envelope of a list. */
export const listEnvelope = <Item extends TSchema>(item: Item) =>
  Type.Object(
    {
      result: Type.Array(item),
      success: Type.Literal(true),
      errors: Type.Array(ResponseInfo),
      messages: Type.Array(ResponseInfo),
      result_info: ResultInfo,
    },
    { description: 'One page of the list.' },
  );

/** The envelope of a refusal. */
export const ErrorEnvelope = Type.Object(
  {
    result: Type.Null(),
    success: Type.Literal(false),
    errors: Type.Array(ResponseInfo, { minItems: 1 }),
    messages: Type.Array(ResponseInfo),
  },
  { title: 'Errors', additionalProperties: false, description: 'Refused, or failed: every error at once.' },
);

/** One error of an answer. */
export type ResponseInfo = Static<typeof ResponseInfo>;

/** Where a page lies in the whole list. */
export type ResultInfo = Static<typeof ResultInfo>;

/** The envelope of a refusal. */
export type ErrorEnvelope = Static<typeof ErrorEnvelope>;
