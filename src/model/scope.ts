/**
 * What an account may see. `sensors` are sensor names; `networks` are CIDR networks, and a packet is seen when its source or
 * its destination is in one of them. `all` stands for no restriction; an empty list grants nothing.
 */
export interface Scope {
  readonly sensors: 'all' | readonly string[];
  readonly networks: 'all' | readonly string[];
}
