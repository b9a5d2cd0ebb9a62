import { describe, expect, test } from 'vitest';
import { parseDomainXml } from '../../../src/libvirt/domain-xml.ts';

const console =
  '<channel type="spicevmc"><target type="virtio" name="com.redhat.spice.0" state="connected"/></channel>';

function channel(attributes: string): string {
  return `<channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0"${attributes}/></channel>`;
}

function domain(devices: string, vcpu = '<vcpu placement="static">2</vcpu>'): string {
  return `<domain type="kvm" id="3"><name>web &amp; more</name>
    <memory unit="KiB">131072</memory><currentMemory unit="KiB">65536</currentMemory>${vcpu}
    <devices>${devices}</devices></domain>`;
}

describe('the definition of a domain', () => {
  test.each([
    ['no channel', 'absent', ''],
    ['only a channel of another kind', 'absent', console],
    ['a channel of a domain that is off', 'disconnected', channel('')],
    ['a channel that nobody holds in the guest', 'disconnected', channel(' state="disconnected"')],
    ['a channel whose agent is there', 'connected', channel(' state="connected"')],
    ['the agent channel among others', 'connected', console + channel(' state="connected"') + console],
  ])('tells from %s that the agent is %s', (_, expected, devices) => {
    expect(parseDomainXml(domain(devices)).agentChannel).toBe(expected);
  });

  test('tells vcpus and memory', () => {
    expect(parseDomainXml(domain(''))).toMatchObject({ vcpus: 2, memoryKiB: 131_072 });
  });

  test('counts the vcpus that are plugged in, not those that may be', () => {
    expect(parseDomainXml(domain('', '<vcpu current="1">8</vcpu>')).vcpus).toBe(1);
    expect(parseDomainXml(domain('', '<vcpu>4</vcpu>')).vcpus).toBe(4);
  });

  test('survives a domain without devices', () => {
    const xml = '<domain><memory unit="KiB">1</memory><vcpu>1</vcpu><devices/></domain>';
    expect(parseDomainXml(xml)).toEqual({ agentChannel: 'absent', vcpus: 1, memoryKiB: 1 });
  });
});
