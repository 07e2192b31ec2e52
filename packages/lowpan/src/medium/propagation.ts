import { SeededRandom } from "@isthmus/machine";

/** A place, in metres. */
export interface Position {
  readonly x: number;
  readonly y: number;
  readonly z?: number;
}

/** What one radio hears of another. */
export interface LinkQuality {
  /** Signal strength at the receiver, in dBm. */
  readonly rssDbm: number;
  /** Probability that a frame is lost though nobody disturbs it, for a frame of so many octets. */
  lossOf(length: number): number;
}

/** How radio waves get from one place to another; undefined when nothing at all arrives. */
export interface Propagation {
  linkBetween(from: Position, to: Position, transmitPowerDbm: number, seed: number): LinkQuality | undefined;
}

/** A disk: within `rangeMetres` all links are alike, beyond it there are none. */
export interface UnitDiskOptions {
  readonly rangeMetres: number;
  /** Probability that a frame is lost on a link. Default 0. */
  readonly loss?: number;
  /** Signal strength within the disk, in dBm. Default -60. */
  readonly rssDbm?: number;
}

/** Every link in range loses the same part of the frames: for tests, and for figures that are easy to check. */
export function unitDisk(options: UnitDiskOptions): Propagation {
  const loss = options.loss ?? 0;
  const quality: LinkQuality = { rssDbm: options.rssDbm ?? -60, lossOf: () => loss };
  return {
    linkBetween: (from, to) => (distanceBetween(from, to) <= options.rangeMetres ? quality : undefined),
  };
}

/** The log-distance model: path loss grows with the logarithm of the distance, and varies from link to link. */
export interface LogDistanceOptions {
  /** 2 in free space, 3 to 4 through the walls of a house. Default 3. */
  readonly pathLossExponent?: number;
  /** Path loss at 1 m, in dB. Default 40.2, that of 2.4 GHz in free space. */
  readonly referenceLossDb?: number;
  /** Standard deviation of what each link loses more or less, the same both ways, in dB. Default 4. */
  readonly shadowingDb?: number;
  /** Thermal noise in 2 MHz and the receiver's own, in dBm. Default -100. */
  readonly noiseDbm?: number;
  /** What is weaker is not heard at all, not even as a disturbance, in dBm. Default -105. */
  readonly floorDbm?: number;
}

/** Loss follows from the signal-to-noise ratio, by the bit error rate of O-QPSK with 16 spread symbols. */
export function logDistance(options: LogDistanceOptions = {}): Propagation {
  const exponent = options.pathLossExponent ?? 3;
  const referenceLoss = options.referenceLossDb ?? 40.2;
  const shadowing = options.shadowingDb ?? 4;
  const noise = options.noiseDbm ?? DEFAULT_NOISE_DBM;
  const floor = options.floorDbm ?? -105;
  return {
    linkBetween(from, to, transmitPowerDbm, seed) {
      // Within a metre the model does not hold.
      const distance = Math.max(1, distanceBetween(from, to));
      const pathLoss = referenceLoss + 10 * exponent * Math.log10(distance) + shadowing * gaussian(seed);
      const rssDbm = transmitPowerDbm - pathLoss;
      if (rssDbm < floor) return undefined;
      const bitErrorRate = oQpskBitErrorRate(rssDbm - noise);
      return { rssDbm, lossOf: (length) => 1 - (1 - bitErrorRate) ** (8 * length) };
    },
  };
}

/** Noise of a 2 MHz channel at room temperature (-111 dBm) and 11 dB of the receiver's own: frames get lost at -99. */
export const DEFAULT_NOISE_DBM = -100;

/** The bit error rate of the 2.4 GHz PHY at a signal-to-noise ratio in dB (IEEE 802.15.4-2006 annex E.4.1.8). */
export function oQpskBitErrorRate(snrDb: number): number {
  const snr = 10 ** (snrDb / 10);
  let sum = 0;
  let binomial = 1;
  for (let k = 1; k <= 16; k++) {
    binomial = (binomial * (17 - k)) / k;
    if (k >= 2) sum += (k % 2 === 0 ? 1 : -1) * binomial * Math.exp(20 * snr * (1 / k - 1));
  }
  return Math.min(0.5, Math.max(0, (8 / 15) * (1 / 16) * sum));
}

function distanceBetween(a: Position, b: Position): number {
  return Math.hypot(a.x - b.x, a.y - b.y, (a.z ?? 0) - (b.z ?? 0));
}

/** A normally distributed number with deviation 1 (Box and Muller), the same for a seed. */
function gaussian(seed: number): number {
  const random = new SeededRandom(seed);
  const radius = Math.sqrt(-2 * Math.log(1 - random.nextFloat()));
  return radius * Math.cos(2 * Math.PI * random.nextFloat());
}
