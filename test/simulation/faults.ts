/** What may go wrong with one call to the API server, with the probability of each. */
export interface ApiFaults {
  calls: Partial<
    Record<
      | 'slow'
      /** Never sent. */
      | 'unreachable'
      | 'tooMany'
      | 'conflict'
      /** Carried out, the caller hears of an error. */
      | 'answerLost'
      | 'serverError'
      /** Carried out long after the caller gave it up. */
      | 'late'
      | 'crashBefore'
      | 'crashAfter',
      number
    >
  >;
  /** At each event of a watch. */
  watches: Partial<Record<'cut' | 'ended' | 'expired' | 'lag' | 'duplicate', number>>;
  /** A watch's beginning is refused with a 410. */
  expired: number;
}

export interface DiskFaults {
  calls: Partial<Record<'full' | 'slow' | 'crashBefore' | 'crashAfter', number>>;
}

/** What may go wrong with one call to a guest's agent. */
export interface GuestFaults {
  calls: Partial<
    Record<
      /** Never sent, and libvirt says so (as far as its version can). */
      | 'unsent'
      | 'busy'
      /** Carried out, and nobody hears of it. */
      | 'answerLost'
      /** The agent hangs for a while with it in its channel. */
      | 'stalled'
      /** The answer is over 4 MiB (C1). */
      | 'tooLarge'
      | 'crashBefore'
      | 'crashAfter',
      number
    >
  >;
}

/** How often, in a whole run, something happens that no call is to blame for. */
export interface Incidents {
  agentKilled?: number;
  agentRestarted?: number;
  managerKilled?: number;
  managerRestarted?: number;
  processStandsStill?: number;
  partition?: number;
  libvirtdRestarted?: number;
  diskWiped?: number;
  guestRebooted?: number;
  guestOff?: number;
  guestPaused?: number;
  guestFrozen?: number;
  /** Somebody freezes one of its filesystems without the agent, as a snapshot does. */
  guestHeld?: number;
  guestMoved?: number;
  guestThawed?: number;
  guestHangs?: number;
  guestAgentRestarted?: number;
  guestAgentKills?: number;
}

export type Incident = keyof Incidents;

/** One kind of bad weather. */
export interface FaultProfile {
  name: string;
  api?: ApiFaults;
  disk?: DiskFaults;
  guests?: GuestFaults;
  /** The most of each; how many there are the seed says. */
  incidents?: Incidents;
}

const badNetwork: ApiFaults = {
  calls: {
    slow: 0.02,
    unreachable: 0.02,
    tooMany: 0.01,
    conflict: 0.02,
    answerLost: 0.03,
    serverError: 0.02,
    late: 0.01,
  },
  watches: { cut: 0.04, ended: 0.02, expired: 0.02, lag: 0.03, duplicate: 0.04 },
  expired: 0.05,
};
const deadlyNetwork: ApiFaults = { calls: { crashBefore: 0.01, crashAfter: 0.02 }, watches: {}, expired: 0 };
const deadlyDisk: DiskFaults = { calls: { crashBefore: 0.02, crashAfter: 0.02 } };
const badGuests: GuestFaults = {
  calls: { unsent: 0.03, busy: 0.01, answerLost: 0.05, stalled: 0.03, tooLarge: 0.01 },
};
const deadlyGuests: GuestFaults = { calls: { crashBefore: 0.01, crashAfter: 0.03 } };

const none: FaultProfile = { name: 'none' };
const api: FaultProfile = {
  name: 'api',
  api: badNetwork,
  incidents: { partition: 3, processStandsStill: 2, managerRestarted: 1, guestMoved: 1 },
};
const crashes: FaultProfile = {
  name: 'crashes',
  api: deadlyNetwork,
  disk: deadlyDisk,
  guests: deadlyGuests,
  incidents: {
    agentKilled: 3,
    agentRestarted: 2,
    managerKilled: 3,
    managerRestarted: 2,
    libvirtdRestarted: 2,
    guestMoved: 2,
  },
};
const guests: FaultProfile = {
  name: 'guests',
  guests: badGuests,
  incidents: {
    guestRebooted: 2,
    guestOff: 1,
    guestPaused: 1,
    guestMoved: 3,
    guestFrozen: 1,
    guestHeld: 1,
    guestThawed: 1,
    guestHangs: 2,
    guestAgentRestarted: 2,
    guestAgentKills: 1,
    libvirtdRestarted: 1,
  },
};
const all: FaultProfile = {
  name: 'all',
  api: { ...badNetwork, calls: { ...badNetwork.calls, ...deadlyNetwork.calls } },
  disk: { calls: { ...deadlyDisk.calls, full: 0.01, slow: 0.01 } },
  guests: { calls: { ...badGuests.calls, ...deadlyGuests.calls } },
  incidents: { ...api.incidents, ...crashes.incidents, ...guests.incidents, diskWiped: 1 },
};

export const profiles: readonly FaultProfile[] = [none, api, crashes, guests, all];

/** The same weather, milder or wilder: rare faults find other mistakes than many do. */
export function scaled(profile: FaultProfile, by: number): FaultProfile {
  const { api: ofApi, disk, guests: ofGuests } = profile;
  return {
    ...profile,
    ...(ofApi && {
      api: { calls: rates(ofApi.calls, by), watches: rates(ofApi.watches, by), expired: ofApi.expired * by },
    }),
    ...(disk && { disk: { calls: rates(disk.calls, by) } }),
    ...(ofGuests && { guests: { calls: rates(ofGuests.calls, by) } }),
  };
}

function rates<Name extends string>(of: Partial<Record<Name, number>>, by: number): Partial<Record<Name, number>> {
  const entries = Object.entries(of) as [Name, number][];
  return Object.fromEntries(entries.map(([name, rate]) => [name, rate * by])) as Partial<Record<Name, number>>;
}
