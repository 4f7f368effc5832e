/** How much of a window of time samples cover: all of it, some of it, none of it. */
export const coveredShares = ['whole', 'part', 'nothing'] as const;

/** How much of a window of time samples cover. */
export type Covered = (typeof coveredShares)[number];
