#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tools that judge must not pass where nothing was looked at: tools/test and tools/dev/compare."""
import importlib.machinery
import importlib.util
import os
import shutil
import unittest.mock

import weir


def load(path):
    """-> the module in a program without suffix."""
    name = os.path.basename(path)
    spec = importlib.util.spec_from_loader(name, importlib.machinery.SourceFileLoader(name, path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Steps(weir.Case):
    """tools/test alone in a folder: nothing is built there."""

    def steps(self, *names):
        folder = os.path.join(self.dir, 'tools')
        os.makedirs(folder, exist_ok=True)
        test = shutil.copy(os.path.join(weir.SOURCE, 'tools/test'), folder)
        path = os.path.join(self.dir, 'bin') + ':' + os.environ['PATH']
        return weir.run(test, *names, env=dict(os.environ, PATH=path))

    def fake_clang_tidy(self, script):
        os.chmod(self.file('bin/run-clang-tidy', b'#!/bin/sh\n' + script), 0o755)
        self.file('build-fuzz/compile_commands.json', b'[]')

    def test_a_step_that_does_not_exist_is_named_before_anything_runs(self):
        p = self.steps('fuzz', 'unitt')
        self.assertEqual((p.returncode, p.stdout), (2, ''))
        self.assertTrue(p.stderr.startswith('unitt: no such step; there are: packages build '), p.stderr)

    def test_a_step_without_its_build_fails(self):
        for name in ('unit', 'threads', 'e2e', 'fuzz', 'tidy'):
            p = self.steps(name)
            self.assertEqual(p.returncode, 1, p.stdout)
            self.assertIn('  FAILED: ', p.stdout)

    def test_what_clang_tidy_says_is_shown(self):
        self.fake_clang_tidy(b'echo "clang-tidy -p=x /y/a.c"; echo "a.c:1:1: error: so it is"; exit 1\n')
        p = self.steps('tidy')
        self.assertEqual(p.returncode, 1)
        self.assertIn('a.c:1:1: error: so it is', p.stdout)

    def test_clang_tidy_that_looked_at_no_file_fails(self):
        self.fake_clang_tidy(b'exit 0\n')
        self.assertEqual(self.steps('tidy').returncode, 1)
        self.fake_clang_tidy(b'echo "clang-tidy -p=x /y/a.c"\n')
        self.assertEqual(self.steps('tidy').returncode, 0)


class Compare(weir.Case):
    compare = load(os.path.join(weir.SOURCE, 'tools/dev/compare'))

    def test_the_memory_of_a_program_that_failed_is_none(self):
        with self.assertRaises(self.compare.Failed):
            self.compare.anonymous_peak(['false'])
        self.assertGreaterEqual(self.compare.anonymous_peak(['true']), 0)

    def test_a_program_that_answers_in_other_words_fails_its_row_only(self):
        lab = unittest.mock.Mock(**{'truth.return_value': {'packets': 1}}, dir=self.dir)

        def measure(lab):
            self.compare.check_peer(lab, 'small', self.compare.pcap_loop)
            yield 1, 1, 1

        with unittest.mock.patch.object(self.compare, 'run', lambda command: 'nothing of the kind'):
            result = self.compare.result(('load', 'other', 'ns', 'at least', 1, 2, measure), lab)
        self.assertFalse(result['ok'])
        self.assertIn('nothing of the kind', result['why'])


if __name__ == '__main__':
    weir.main()
