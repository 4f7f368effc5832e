/** Control's address on the bus of one machine. No sensor's begins like it, whatever it is called. */
export const controlAddress = 'control';

const sensor_prefix = 'sensor/';

/** The address of the sensor of that name: no name makes it another's, nor control's. */
export function sensorAddress(name: string): string {
  return `${sensor_prefix}${name}`;
}

/** Whom an address is of, for people: a sensor's is its name. */
export function addressee(address: string): string {
  return address.startsWith(sensor_prefix) ? address.slice(sensor_prefix.length) : address;
}
