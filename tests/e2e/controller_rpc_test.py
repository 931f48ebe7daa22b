#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sync and Push of the whole controller, in both dialects, by Python's gRPC and messages of another making."""
import time

import rpc_codec
import weir
from controller_live import Controller, ControllerCase, OfADialect, Peer, genesis, grpc, macs_of, memory, wait_for

RUNNING, LOST, PENDING = 1, 0, 3
PHYSICAL, DEDICATED, VM_POD = 5, 6, 8


class SyncAndPush(OfADialect):
    # ---- who is who ----

    def test_a_first_sync_registers_an_agent_and_tells_it_who_it_is(self):
        p = self.peer()
        answer = p.sync()
        own = p.own(answer)
        self.assertEqual(answer['status'], 0)
        self.assertTrue(own['enabled'])
        self.assertEqual(own['agent_type'], PHYSICAL)
        self.assertIn(own['agent_id'], range(1, 64001))
        row = self.c.agent(p.ip)
        self.assertEqual((row['ID'], row['CTRL_MAC'], row['STATE'], row['VTAP_GROUP_NAME']),
                         (own['agent_id'], p.mac, RUNNING, 'default'))
        self.assertEqual(p.own(p.sync())['agent_id'], own['agent_id'])
        self.assertEqual(len(self.c.agents()), 1)

    def test_another_mac_with_the_same_address_is_another_agent(self):
        one = self.peer()
        other = Peer(self, self.c, self.dialect, one.ip, '02:00:00:00:00:99')
        self.assertNotEqual(one.own(one.sync())['agent_id'], other.own(other.sync())['agent_id'])

    def test_a_group_is_asked_for_by_name_or_id_at_registration_only(self):
        lcuuid, short = self.c.group('one "group" <b>; drop')
        self.c.config(lcuuid, memory(1234))
        for n, group in ((1, 'one "group" <b>; drop'), (2, short)):
            p = self.peer(n)
            answer = p.sync(group=group)
            self.assertEqual(p.memory(answer), 1234)
            if self.dialect == 'agent':
                self.assertEqual(p.own(answer)['group_id'], short)
        p = self.peer(3)
        self.assertEqual(p.memory(p.sync()), 768)
        self.assertEqual(p.memory(p.sync(group=short)), 768)
        p = self.peer(4)
        self.assertEqual(p.memory(p.sync(group='g-nowherenow')), 768)

    def test_an_analyzer_s_group_and_a_cluster_make_the_type(self):
        lcuuid, short = self.c.group('mirror')
        self.c.config(lcuuid, 'inputs:\n  cbpf:\n    common:\n      capture_mode: 2\n')
        p = self.peer(1)
        self.assertEqual(p.own(p.sync(group=short))['agent_type'], DEDICATED)
        p = self.peer(2, kubernetes_cluster_id='d-abcdefghij')
        self.assertEqual(p.own(p.sync())['agent_type'], VM_POD)

    def test_who_does_not_say_who_it_is_is_refused(self):
        for missing in ({'ctrl_ip': None}, {'ctrl_mac': None}, {'ctrl_ip': ''}, {'ctrl_mac': 'no mac'}):
            why = self.refused(grpc.StatusCode.PERMISSION_DENIED, self.peer().sync, **missing)
            self.assertTrue(why)
            self.assertEqual(self.peer().push(**missing).end(), grpc.StatusCode.PERMISSION_DENIED)
        self.assertEqual(self.c.agents(), [])

    # ---- tables ----

    def with_tables(self, p):
        """Report an interface. -> the answer that has it."""
        first = p.sync()
        p.call('GenesisSync', genesis(p, p.own(first)['agent_id'], ['02:aa:00:00:00:01']))

        def has_it():
            answer = p.sync()
            return answer if 0x02aa00000001 in macs_of(p, answer) else None
        return wait_for(has_it)

    def test_versions_always_come_and_bytes_where_the_agent_holds_others(self):
        p = self.peer()
        first = p.hold(self.with_tables(p))
        for name in ('version_platform_data', 'version_acls', 'version_groups'):
            self.assertNotEqual(first[name], 0)
        again = p.sync()
        for name in ('platform_data', 'flow_acls', 'groups'):
            self.assertIn(name, first)
            self.assertNotIn(name, again)
        self.assertEqual(p.hold(again), again)
        self.assertEqual([first[k] for k in p.held], [again[k] for k in p.held])
        p.held['version_platform_data'] -= 1  # it holds an older one
        self.assertEqual(p.sync()['platform_data'], first['platform_data'])

    def test_a_restart_of_the_controller_changes_no_version_and_no_number(self):
        p = self.peer()
        before = p.hold(self.with_tables(p))
        for end in (self.c.stop, self.c.kill):
            end()
            self.c.start()
            p = Peer(self, self.c, self.dialect, p.ip, p.mac)
            p.held = {k: before[k] for k in ('version_platform_data', 'version_acls', 'version_groups')}
            after = p.sync()
            self.assertEqual(p.own(after)['agent_id'], p.own(before)['agent_id'])
            self.assertIn(after['version_platform_data'], (0, before['version_platform_data']))
            self.assertNotIn('platform_data', after)
            after = wait_for(lambda: (a := p.sync())['version_platform_data'] and a)
            self.assertEqual(after['version_platform_data'], before['version_platform_data'])

    # ---- Push ----

    def test_push_says_all_at_once_and_then_each_change_once(self):
        lcuuid, short = self.c.group('pushed')
        self.c.config(lcuuid, memory(1000))
        p = self.peer()
        p.hold(p.sync(group=short))
        push = p.push()
        self.assertEqual(p.memory(push.next()), 1000)
        for mib in (1001, 1002, 1003):
            self.c.config(lcuuid, memory(mib), 'PUT')
            self.assertEqual(p.memory(push.next()), mib)
        self.assertTrue(push.nothing())
        self.c.config(lcuuid, memory(1003), 'PUT')  # the same again
        self.assertTrue(push.nothing())

    def test_push_of_who_holds_nothing_has_all_tables(self):
        p = self.peer()
        first = self.with_tables(p)
        answer = p.push().next()
        self.assertEqual(answer['platform_data'], first['platform_data'])
        self.assertIn('flow_acls', answer)

    def test_tables_that_were_pushed_are_not_pushed_again_with_the_next_change(self):
        p = self.peer()
        agent_id = p.own(p.hold(self.with_tables(p)))['agent_id']
        push = p.push()
        self.assertNotIn('platform_data', push.next())
        p.call('GenesisSync', genesis(p, agent_id, ['02:aa:00:00:00:01', '02:aa:00:00:00:02'], 2))
        changed = push.next()
        self.assertIn(0x02aa00000002, macs_of(p, changed))
        self.c.config(self.c.default_group(), memory(999))
        last = push.next()
        self.assertEqual(p.memory(last), 999)
        self.assertEqual(last['version_platform_data'], changed['version_platform_data'])
        self.assertNotIn('platform_data', last)

    def test_after_a_sync_a_table_waits_a_second_and_the_configuration_does_not(self):
        """The answer to that Sync may come behind what is pushed."""
        p = self.peer()
        agent_id = p.own(p.hold(self.with_tables(p)))['agent_id']
        push = p.push()
        held = push.next()['version_platform_data']
        synced = time.monotonic()
        p.sync()
        p.call('GenesisSync', genesis(p, agent_id, ['02:aa:00:00:00:01', '02:aa:00:00:00:02'], 2))
        self.c.config(self.c.default_group(), memory(999))
        while 'platform_data' not in (m := push.next()):
            self.assertIn(m['version_platform_data'], (0, held))
        self.assertIn(0x02aa00000002, macs_of(p, m))
        self.assertEqual(p.memory(m), 999)
        self.assertGreater(time.monotonic() - synced, 0.99)

    def test_of_one_agent_four_streams_are_open_at_most(self):
        p = self.peer()
        p.hold(p.sync())
        pushes = []
        for _ in range(5):
            pushes.append(p.push())
            pushes[-1].next()
        self.assertEqual(pushes[0].end(), grpc.StatusCode.ABORTED)
        self.c.config(self.c.default_group(), memory(999))
        for push in pushes[1:]:
            self.assertEqual(p.memory(push.next()), 999)

    def test_no_sequence_of_changes_says_a_version_without_its_bytes(self):
        """What an agent would do by the rule of versions never empties a table."""
        p = self.peer()
        p.hold(self.with_tables(p))
        push = p.push()
        held = push.next()['version_platform_data']
        group = self.c.default_group()
        self.c.config(group, memory(900))
        agent_id = p.own(p.sync())['agent_id']
        macs = ['02:aa:00:00:00:01']
        for i in range(6):
            macs.append(f'02:aa:00:00:01:{i:02x}')
            p.call('GenesisSync', genesis(p, agent_id, macs, 10 + i))
            self.c.config(group, memory(901 + i), 'PUT')
            if i % 2:
                p.held['version_platform_data'] = held
                answer = p.sync()
                if answer['version_platform_data'] != held:
                    self.assertIn('platform_data', answer)
            seen = 0
            while seen != int(macs[-1].replace(':', ''), 16):
                m = push.next()
                if m['version_platform_data'] not in (0, held):
                    self.assertIn('platform_data', m)
                    held = m['version_platform_data']
                    seen = max(x for x in macs_of(p, m) if x)

    def test_an_agent_that_moves_there_and_back_around_a_sync_is_sent_the_bytes_of_either_table(self):
        p = self.peer(1)
        p.hold(self.with_tables(p))
        node = Peer(self, self.c, self.dialect, '10.9.0.2', '02:00:00:00:00:02', kubernetes_cluster_id='d-abcdefghij')
        node.call('GenesisSync', genesis(node, node.own(node.sync())['agent_id'], ['02:bb:00:00:00:01']))
        wide = wait_for(lambda: 0x02bb00000001 in macs_of(p, a := p.sync(version_platform_data=0)) and a)
        lcuuid, _ = self.c.group('narrow')
        self.c.config(lcuuid, 'inputs: {resources: {pull_resource_from_controller: {domain_filter: [elsewhere]}}}\n')
        p.hold(wide)
        p.sync()
        push = p.push()
        push.next()
        path = f'/v1/vtaps/{self.c.agent(p.ip)["LCUUID"]}/'
        self.c.http('PATCH', path, {'VTAP_GROUP_LCUUID': lcuuid})
        narrow = p.sync()  # sent before the push of it was read
        self.assertNotIn(0x02bb00000001, macs_of(p, narrow))
        self.c.http('PATCH', path, {'VTAP_GROUP_LCUUID': self.c.default_group()})
        held = narrow['version_platform_data']
        while held != wide['version_platform_data']:
            m = push.next()
            if m['version_platform_data'] not in (0, held):
                self.assertIn('platform_data', m)
                held = m['version_platform_data']

    def test_an_agent_that_moves_to_another_group_is_pushed_its_configuration(self):
        lcuuid, _ = self.c.group('other')
        self.c.config(lcuuid, memory(2222))
        p = self.peer()
        p.hold(p.sync())
        push = p.push()
        self.assertEqual(p.memory(push.next()), 768)
        self.c.http('PATCH', f'/v1/vtaps/{self.c.agent(p.ip)["LCUUID"]}/', {'VTAP_GROUP_LCUUID': lcuuid})
        self.assertEqual(p.memory(push.next()), 2222)

    def test_a_disabled_agent_has_its_configuration_and_no_tables(self):
        p = self.peer()
        p.hold(self.with_tables(p))
        push = p.push()
        push.next()
        lcuuid = self.c.agent(p.ip)['LCUUID']
        self.c.http('PATCH', f'/v1/vtaps/{lcuuid}/', {'ENABLE': 0})
        for answer in (push.next(), p.sync()):
            self.assertFalse(p.own(answer)['enabled'])
            self.assertEqual(p.memory(answer), 768)
            for name in ('platform_data', 'flow_acls', 'groups', 'local_segments', 'remote_segments'):
                self.assertNotIn(name, answer)
            self.assertEqual(answer.get('version_platform_data', 0), 0)
        self.c.http('PATCH', f'/v1/vtaps/{lcuuid}/', {'ENABLE': 1})
        self.assertTrue(p.own(push.next())['enabled'])
        self.assertNotEqual(p.sync()['version_platform_data'], 0)

    def test_the_stream_of_a_deleted_agent_ends_and_its_next_sync_registers_it_anew(self):
        p = self.peer()
        p.sync()
        push = p.push()
        push.next()
        self.c.http('DELETE', f'/v1/vtaps/{self.c.agent(p.ip)["LCUUID"]}/')
        self.assertEqual(push.end(), grpc.StatusCode.NOT_FOUND)
        self.assertIsNone(self.c.agent(p.ip))
        self.assertTrue(p.own(p.sync())['enabled'])
        self.assertIsNotNone(self.c.agent(p.ip))

    def test_who_is_revoked_is_refused_from_then_on(self):
        p = self.peer()
        p.sync()
        self.c.http('POST', f'/api/v1/agents/{self.c.agent(p.ip)["NAME"]}/revoke', {})
        self.assertIn('revoked', self.refused(grpc.StatusCode.PERMISSION_DENIED, p.sync))
        self.assertEqual(p.push().end(), grpc.StatusCode.PERMISSION_DENIED)

    # ---- what nobody should send ----

    def test_garbage_and_what_is_too_large_is_refused_and_others_are_served(self):
        p = self.peer(options=[('grpc.max_send_message_length', -1)])
        for method, (asked, _) in rpc_codec.METHODS.items():
            if method in ('Push', 'Upgrade', 'Plugin', 'RemoteExecute'):
                continue
            self.refused(grpc.StatusCode.INVALID_ARGUMENT, p.bytes, method, b'\xff' * 100)
            self.assertTrue(asked)
        self.refused(grpc.StatusCode.RESOURCE_EXHAUSTED, p.sync, host='h' * 1000000)  # over its budget of memory
        self.refused(grpc.StatusCode.RESOURCE_EXHAUSTED, p.bytes, 'GenesisSync', bytes(101 << 20), 60)
        self.assertTrue(p.own(p.sync())['enabled'])

    def test_agents_of_an_address_alone_are_one_whatever_their_mac(self):
        one = self.peer(agent_unique_identifier=2)
        other = Peer(self, self.c, self.dialect, one.ip, '02:00:00:00:00:77', agent_unique_identifier=2)
        self.assertEqual(one.own(one.sync())['agent_id'], other.own(other.sync())['agent_id'])


class AgentDialect(SyncAndPush, ControllerCase):
    dialect = 'agent'

    def test_a_slow_reader_gets_what_is_true_when_it_reads_on(self):
        """In this dialect comments travel too, so that answers are large."""
        lcuuid, short = self.c.group('slow')
        filler = '# ' + 'x' * 120 + '\n'
        self.c.config(lcuuid, memory(1000) + filler * 3000)
        p = self.peer()
        p.hold(p.sync(group=short))
        # grpcio asks for a message when the one before was taken: this one reads nothing for a while
        asked, answered = rpc_codec.METHODS['Push']
        call = p.channel.unary_stream(f'/{self.dialect}.Synchronizer/Push')(rpc_codec.encode(self.dialect, asked, p.say({})))
        self.addCleanup(call.cancel)
        next(call)
        changes = 60
        for i in range(changes):
            self.c.config(lcuuid, memory(1001 + i) + filler * 3000, 'PUT')
        heard = []
        while not heard or heard[-1] < 1000 + changes:
            heard.append(p.memory(rpc_codec.decode(self.dialect, answered, next(call))))
        self.assertEqual(heard[-1], 1000 + changes)
        self.assertEqual(heard, sorted(heard))
        self.assertLess(len(heard), changes)

    def test_an_answer_over_the_agent_s_buffer_is_partial_and_names_a_larger_one(self):
        for n in range(1, 6):  # a report has 8,192 interfaces at most
            p = self.peer(n)
            p.sync()
            p.call('GenesisSync', genesis(p, 0, [f'02:bb:00:{n:02x}:{i >> 8:02x}:{i & 255:02x}' for i in range(8000)]))
        whole = wait_for(lambda: len((a := p.sync()).get('platform_data', b'')) > 1 << 20 and a)
        p.held = {}
        small = p.sync(current_grpc_buffer_size=1 << 20)
        self.assertTrue(small['only_partial_fields'])
        self.assertGreater(small['new_grpc_buffer_size'], len(whole['platform_data']))
        for name in ('platform_data', 'flow_acls', 'groups', 'local_segments'):
            self.assertNotIn(name, small)
        self.assertEqual(small.get('version_platform_data', 0), 0)
        self.assertTrue(small['dynamic_config']['enabled'])
        self.assertEqual(p.push(current_grpc_buffer_size=1 << 20).next(), {'status': 1})
        large = p.sync(current_grpc_buffer_size=small['new_grpc_buffer_size'])
        self.assertEqual(large['platform_data'], whole['platform_data'])
        self.assertNotIn('only_partial_fields', large)


class TridentDialect(SyncAndPush, ControllerCase):
    dialect = 'trident'


class BothAtOnce(ControllerCase):
    def test_one_change_reaches_agents_of_both_dialects(self):
        c = Controller(self)
        group = c.default_group()
        peers = [Peer(self, c, d, f'10.9.1.{i}', f'02:00:00:00:01:{i:02x}') for i, d in enumerate(('agent', 'trident') * 5)]
        pushes = []
        for p in peers:
            p.hold(p.sync())
            pushes.append(p.push())
            pushes[-1].next()
        c.config(group, memory(1500))
        start = time.monotonic()
        for p, push in zip(peers, pushes):
            while p.memory(push.next()) != 1500:
                pass
        self.assertLess(time.monotonic() - start, 10)


class Approval(ControllerCase):
    def test_who_waits_for_approval_has_its_group_s_configuration_and_is_not_enabled(self):
        c = Controller(self, 'enrolment = { approve = true; };')
        lcuuid, short = c.group('waits')
        c.config(lcuuid, memory(1700))
        for n, dialect in ((1, 'agent'), (2, 'trident')):
            p = Peer(self, c, dialect, f'10.9.0.{n}', f'02:00:00:00:00:{n:02x}')
            push = p.push(group=short)
            for answer in (p.sync(group=short), push.next()):
                self.assertEqual(p.memory(answer), 1700)
                self.assertFalse(p.own(answer)['enabled'])
                self.assertFalse(p.own(answer).get('agent_id'))
                self.assertEqual(answer.get('version_platform_data', 0), 0)
                self.assertNotIn('platform_data', answer)
            row = c.agent(p.ip)
            self.assertEqual(row['STATE'], PENDING)
            c.http('PATCH', f'/v1/vtaps/{row["LCUUID"]}/', {'STATE': 1})
            answer = push.next()
            self.assertTrue(p.own(answer)['enabled'])
            self.assertEqual(p.own(answer)['agent_id'], row['ID'])


if __name__ == '__main__':
    weir.main()
