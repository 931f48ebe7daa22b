#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""man.py PROGRAM VERSION WORDS: its manual page on standard output, from its --help and that of each command."""
import os
import re
import subprocess
import sys

COMMAND = re.compile(r'  ([a-z][a-z -]*[a-z])(?: [A-Z_[][A-Z_[\]. ]*?)? {2,}\S')


def ask(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def escape(text):
    text = text.replace('\\', '\\e').replace('-', '\\-')
    return '\\&' + text if text[:1] in ('.', "'") else text


def items(lines):
    """-> (head, text) of rows like '  -x, --name ARG   what it does'; ('', text) of other lines."""
    for line in lines:
        row = re.match(r' +(\S.*?)(?: {2,}(\S.*))?$', line)
        indent = len(line) - len(line.lstrip())
        if row and indent <= 8:
            yield row[1], row[2] or ''
        else:
            yield '', line.strip()


def body(lines, said=()):
    """What `said` has was said for all commands."""
    tagged = False
    for head, text in items(lines):
        if head in said:
            continue
        if head:
            tagged = True
            print(f'.TP\n.B {escape(head)}')
        elif not text:
            tagged = False
            print('.PP')
        if text:
            print(escape(text))


def main():
    program, version, words = sys.argv[1:]
    name = os.path.basename(program)
    top = ask(program, '--help')
    print(f'.TH {name.upper()} 1 "" "weir {version}"\n.SH NAME\n{escape(name)} \\- {escape(words)}')
    print(f'.SH SYNOPSIS\n{escape(top[0].removeprefix("usage: "))}\n.SH DESCRIPTION')
    body(top[1:])
    said = [head for head, _ in items(top) if head.startswith('-')]
    for line in top:
        row = COMMAND.match(line)
        if row:
            page = ask(program, *row[1].split(), '--help')
            print(f'.SH {row[1].upper()}\n{escape(page[0].removeprefix("usage: "))}')
            body(page[1:], said)


main()
