/** An index, or something that it says, cannot be believed. The segment can still be read whole. */
export class IndexDamage extends Error {}
