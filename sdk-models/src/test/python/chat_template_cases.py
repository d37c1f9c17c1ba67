"""Writes what Python's Jinja gives for chat templates, as Hugging Face sets it up.

    python3 chat_template_cases.py > ../resources/dev/serval/models/chat/cases.json

Needs jinja2 (written with 3.1.6). ChatTemplateCasesTest holds Serval to the result.
"""

import datetime
import json

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2026, 11, 3, 9, 5, 7)
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}

CONVERSATIONS = {
    "question": [("user", "What is a heron?")],
    "system": [("system", "  Be brief.\n"), ("user", "What is a heron?")],
    "turns": [
        ("user", "Hi"),
        ("assistant", "Hello!"),
        ("user", " What is a heron?\n\nIn one line. "),
    ],
    "thought": [
        ("system", "Be kind."),
        ("user", "1+1?"),
        ("assistant", "<think>\neasy\n</think>\n\n2"),
        ("user", "2+2?"),
        ("assistant", "<think>\nhm\n</think>\n\n4"),
    ],
    "injection": [("user", "{{ 7*7 }} {% raw %} {# x #} {{ messages }} <|im_end|> & < ' \"")],
    "unicode": [("user", "naïve 東京 👩‍🚀\u00a0 \u2028x")],
    "upside down": [("assistant", "I begin."), ("user", "No.")],
    "unknown role": [("wizard", "Abracadabra")],
}

TEMPLATES = {
    "chatml": """{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}""",
    "chatml in lines": """{% for message in messages %}
    {% if loop.first and messages[0]['role'] != 'system' %}
<|im_start|>system
You are helpful.<|im_end|>
    {% endif %}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}
{% if add_generation_prompt %}
<|im_start|>assistant
{% endif %}
""",
    "headers": """{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}""",
    "headers with a date": """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- The system message is taken out, to be put elsewhere. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}

{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("One tool call at a time, please.") }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",
    "inst": """{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}""",
    "inst with a system prompt": """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("After the optional system message, roles must alternate.") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}

{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported, with the exception of an initial optional system message!") }}
    {%- endif %}
{%- endfor %}
""",
    "sys in the first turn": """{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}""",
    "qwen2": """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are Qwen.' }}
    {%- endif %}
    {{- "\\n\\n# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou are Qwen.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
""",
    "qwen3": """{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {%- if loop.last or (not loop.last and reasoning_content) %}
                {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
            {%- else %}
                {{- '<|im_start|>' + message.role + '\\n' + content }}
            {%- endif %}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}""",
    "turns": """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}""",
    "turns with parts": """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first_user_prefix = messages[0]['content'] + '

' -%}
    {%- else -%}
        {%- set first_user_prefix = messages[0]['content'][0]['text'] + '

' -%}
    {%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '
' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<start_of_image>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end_of_turn>
' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model
'}}
{%- endif -%}
""",
    "plain lines": """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}""",
    "macros": """{%- macro turn(role, content, end='<|end|>') -%}
<|{{ role }}|>{{ content }}{{ end }}
{%- endmacro -%}
{%- macro both(a, b) %}{{ turn(a, b) }}/{{ turn(role=a, content=b, end='') }}{% endmacro -%}
{%- for m in messages %}
{{ both(m.role, m.content | trim) }}
{%- endfor %}
{%- if add_generation_prompt %}{{ turn('assistant', '', end='') }}{% endif %}""",
    "generation marks": """{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}{% else %}[{{ m.role }}]{{ m.content }}{% endif %}{% endfor %}""",
    "reasoning": """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, is_output_first=true, system_prompt='') %}{%- for message in messages %}{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}{{bos_token}}{{ns.system_prompt}}{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{'<|User|>' + message['content']}}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is not none %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{'<|Assistant|>' + content + '<|end|>'}}{%- endif %}{%- endfor -%}{% if ns.is_tool %}{{'<|tool|>'}}{% endif %}{% if add_generation_prompt and not ns.is_tool %}{{'<|Assistant|><think>\\n'}}{% endif %}""",
}

# Expressions, printed between brackets. `m` is the first message.
EXPRESSIONS = r"""
1 + 2 * 3 - 4
7 / 2
8 / 2
7 // 2
-7 // 2
-7 % 3
7 % -3
2 ** 10
2 ** -1
-2 ** 2
1.0
0.1 + 0.2
1e20
1e16
1e15 + 0.5
1.5e-7
0.0001
100000.0 * 10
7.0 // 2
-7.5 % 2
3 * 1.5
1_000 + 0x1f + 0b11 + 0o17
true
false
none
True and None
1 and 2
0 or 'x'
'' or [] or {} or 'last'
not 1
not not ''
not 1 == 2
1 == 1.0
1 == true
0 == false
'1' == 1
'' == 0
none == false
none == none
undefined_thing == none
undefined_thing == other_undefined
'a' < 'b'
'B' < 'a'
1 < 2 < 3
1 < 3 < 2
3 > 2 >= 2 != 1
[1, 2] < [1, 3]
[1, 2] == [1, 2]
(1, 2) == [1, 2]
{'a': 1} == {'a': 1.0}
'ell' in 'hello'
'x' not in 'hello'
1 in [1, 2]
'a' in {'a': 1}
'role' in m
'name' not in m
not 'a' in 'abc'
undefined_thing
undefined_thing is defined
m.nothing
m.nothing is undefined
m['nothing'] is defined
m.role
m['role']
m["con" + "tent"] | length
messages[0].role
messages[-1]['role']
messages[99] is defined
messages[99]
messages | length
messages[1:] | length
messages[:1][0].role
[1, 2, 3, 4, 5][::-1]
[1, 2, 3, 4, 5][1:-1]
[1, 2, 3, 4, 5][::2]
[1, 2, 3, 4, 5][-2:]
[1, 2, 3, 4, 5][3:1:-1]
[1, 2, 3][10:]
[1, 2, 3][-10:2]
'hello'[1]
'hello'[-1]
'hello'[1:3]
'hello'[::-1]
'naïve 東京 👩‍🚀'[-3:]
'naïve 東京 👩‍🚀' | length
'👩x'[1]
[]
[1, 'a', 2.5, none, true, [1], {'k': 'v'}]
{}
{'a': 1, 'b': [1, 2], 3: none}
(1,)
()
(1, 'b')
1, 2
["it's", 'say "hi"', 'both \' and "']
['tab\t', 'nl\n', 'back\\slash', 'é', '\x07', '\u2028']
'a' 'b' "c"
'a\tb\nc\\d\'e"f'
'\x41\u00e9\U0001F600\101'
'\d\w'
"it's"
'a' ~ 1 ~ none ~ true ~ 1.5 ~ [1]
'a' + 'b' ~ 'c' + 'd'
'ab' * 3
[1] * 2 + [3]
3 * '-'
1 if true else 2
1 if false else 2
1 if false
'x' if undefined_thing else 'y'
'a' if 0 else 'b' if 0 else 'c'
'a' if none is none else 'b'
(1 if true else 2) + 3
1 is odd
2 is even
9 is divisibleby 3
9 is divisibleby(4)
'a' is string
1 is string
m is mapping
messages is sequence
messages is iterable
'abc' is iterable
'abc' is sequence
1 is iterable
none is none
none is not none
1 is number
true is number
1 is integer
true is integer
1.0 is integer
1.0 is float
true is boolean
1 is boolean
true is true
1 is true
false is false
undefined_thing is none
undefined_thing is string
undefined_thing is iterable
m is defined and m.role is defined
1 is eq 1
1 is ne 2
1 is in [1, 2]
'abc' is lower
'ABC' is upper
'A1' is upper
'1' is upper
range is callable
'a' is callable
strftime_now is defined
'  x \n' | trim
'xxaxx' | trim('x')
' a ' | trim | upper
'a' | upper ~ 'b' | upper
'hello world-foo (bar)' | title
"it's o'clock" | title
'hELLO wORLD' | capitalize
'' | capitalize
'ß' | upper
'abc' | first
'abc' | last
[] | first
[] | first is defined
[1, 2] | last
m | first
'abc' | list
[3, 1, 2] | sort
['b', 'A', 'c'] | sort
['b', 'A', 'c'] | sort(reverse=true)
['b', 'A', 'c'] | sort(case_sensitive=true)
messages | map(attribute='role') | list
messages | map(attribute='role') | join(', ')
messages | map(attribute='name', default='-') | list
['a', 'b'] | map('upper') | list
['a', ' b'] | map('trim') | join('|')
['a', 'b'] | map('replace', 'a', 'x') | list
[0, 1, '', 'x'] | select | list
[0, 1, '', 'x'] | reject | list
[1, 2, 3] | select('odd') | list
[1, 2, 3] | reject('odd') | list
[1, 2, 3] | select('gt', 1) | list
messages | selectattr('role', 'equalto', 'user') | list | length
messages | selectattr('role', '==', 'user') | map(attribute='content') | first
messages | rejectattr('role', 'eq', 'user') | list | length
messages | selectattr('name') | list
messages | selectattr('name', 'defined') | list
[1, 2, 3] | join('-')
[1, 2, 3] | join
['a', 1, none] | join(' ')
'abc' | join('.')
messages | join(';', attribute='role')
'a-b-c' | replace('-', '+')
'a-b-c' | replace('-', '+', 1)
'abc' | replace('', '.')
'aaa'.replace('a', 'b', 2)
undefined_thing | default('x')
'' | default('x')
'' | default('x', true)
none | default('x')
none | d('x', boolean=true)
m.nothing | default(m.role)
5 | string ~ '!'
[1, [2, 'x']] | string
'12' | int + 1
'12.7' | int
'x' | int
'x' | int(7)
3.9 | int
-3.9 | int
'ff' | int(base=16)
'1.5' | float
'x' | float
2 | float
-3 | abs
-3.5 | abs
2.5 | round
3.5 | round
2.567 | round(2)
2.1 | round(method='ceil')
-2.1 | round(0, 'floor')
7 | round
[1, 2, 3] | sum
[1, 2.5] | sum
messages | map(attribute='content') | map('length') | sum
[3, 1, 2] | min
[3, 1, 2] | max
['b', 'A'] | min
[] | max
[1, 2, 1, 'a', 'A'] | unique | list
[1, 2, 3] | reverse | list
'abc' | reverse
{'b': 1, 'a': 2} | dictsort
{'b': 1, 'a': 2} | dictsort(by='value')
{'b': 1, 'a': 2} | items | list
{'b': 1, 'a': 2}.items() | list
{'b': 1, 'a': 2}.keys() | list
{'b': 1, 'a': 2}.values() | list
{'b': 1}.get('b')
{'b': 1}.get('c')
{'b': 1}.get('c', 'd')
{'items': 5}['items']
{'a': {'b': 2}}.a.b
dict(a=1, b='x')
dict({'z': 1}, y=2)
range(3) | list
range(1, 4) | list
range(5, 0, -2) | list
'one\ntwo\n\nthree' | indent
'one\ntwo\n\nthree' | indent(2, true)
'one\ntwo\n\nthree' | indent(width=2, blank=true)
'one' | indent('> ', first=true)
'<b>' | safe
m | tojson
m | tojson(indent=2)
[] | tojson(indent=2)
[1, {'a': [], 'b': {}}] | tojson(indent=4)
{'b': 1, 'a': 2.0, 'c': none, 'd': true, 'é': 'ü "q" \\ / \n \t \x01'} | tojson
{'b': 1, 'a': 2} | tojson(sort_keys=true)
{'b': 1, 'a': 2} | tojson(separators=(',', ':'))
'é' | tojson(ensure_ascii=true)
'<&>' | tojson
(1, 2) | tojson
1e20 | tojson
'  x '.strip()
'xxaxx'.strip('x')
'  x '.lstrip() ~ '|'
'  x '.rstrip() ~ '|'
'\n\nx\n'.lstrip('\n')
'abc'.startswith('ab')
'abc'.startswith(('x', 'a'))
'abc'.endswith('bc')
'a,b,,c'.split(',')
'a,b,,c'.split(',', 1)
'a,b,c'.rsplit(',', 1)
' a  b c '.split()
' a  b c '.split(none, 1)
''.split()
''.split(',')
'a</think>b</think>c'.split('</think>')[-1]
'one\ntwo\r\nthree\n'.splitlines()
'one\ntwo'.splitlines(true)
'aBc'.upper()
'aBc'.lower()
'hello wORLD, it\'s x1y'.title()
'hELLO'.capitalize()
', '.join(['a', 'b'])
'banana'.count('an')
'banana'.find('n')
'banana'.find('x')
'banana'.rfind('n')
'prefix-x'.removeprefix('prefix-')
'x.txt'.removesuffix('.txt')
'12'.isdigit()
'ab'.isalpha()
''.isdigit()
'a1'.isalnum()
' '.isspace()
'AB'.isupper()
'ab1'.islower()
[1, 2, 1].count(1)
['a', 'b'].index('b')
strftime_now('%Y-%m-%d %H:%M:%S')
strftime_now('%d %b %Y')
strftime_now('%A, %B %-d, %Y, %I:%M %p %% %j %y %e %a')
strftime_now('today')
m.role.upper()
m.content.split(' ')[0] | lower
namespace(a=1).a
namespace({'a': 1}, b=2).b
namespace().c
bos_token + eos_token
bos_token is defined
pad_token is defined
tools
tools is none
tools is defined
documents is none
add_generation_prompt
loop
loop is defined
(1, 2) + (3,)
[1, 2] + [3]
'%' ~ '}}'
"}}" ~ '%}' ~ '{{'
{'a': {'b': 1}}
[[1, 2], [3]][0][1]
1 if m.role == 'user' and not m.nothing or false else 0
m.content | trim | length > 3
m.role == 'user' | lower
-1
- 1
+1
1 - -1
--1
2 - 1
(2)-(1)
[1, 2, 3].0
'a'.upper().lower()
m.content[0] ~ m.content[-1]
1 in [true]
'x' ~ undefined_thing ~ 'y'
undefined_thing | length
undefined_thing | list
undefined_thing | upper
undefined_thing | trim
undefined_thing | join(',')
undefined_thing | int
none | string
none | length
none.x
none['x'] is defined
5 .x
m.role.x
undefined_thing.x
undefined_thing['x']
undefined_thing + 1
undefined_thing()
m.nothing.more
'a' + 1
1 + 'a'
'a' - 'b'
'a' < 1
none < 1
[1] + (2,)
1 in 5
5 | list
{'a': 1} + {'b': 2}
1 / 0
1 // 0
1 % 0
5[0]
raise_exception('no: ' ~ m.role)
undefined_thing | tojson
range(10000000)
'a'.join([1])
[1, 'a'] | sort
'' | first
messages[0]['role'] | upper | lower | title
"a" "b" | upper
""".strip().split("\n")

# Whole templates that say little.
SNIPPETS = [
    "",
    "\n",
    "a\n",
    "a\n\n",
    "\n\na",
    "a\r\nb\rc\n",
    "{{ 'a' }}\n",
    "{{ 'a' }}\n\n",
    "{% if true %}\na\n{% endif %}\nb",
    "{% if true %}\n\na\n\n{% endif %}\n\nb",
    "  {% if true %}\n  a\n  {% endif %}\n  b",
    "x {% if true %} y {% endif %} z",
    "x\n  {% if true %} y\n  {% endif %} z",
    "x  {{ 1 }}  y",
    "  {{ 1 }}\n  y",
    "x  {{- 1 -}}  y",
    "x \n {{- 1 }} \n y",
    "x \n {{ 1 -}} \n y",
    "x \n {%- if true -%} \n y \n {%- endif -%} \n z",
    "x \n {%- if true %} \n y \n {%- endif %} \n z",
    "x \n {% if true -%} \n y \n {% endif -%} \n z",
    "x \n {%+ if true %} y \n {%+ endif %} \n z",
    "x {%+ if true +%}\n y {% endif +%}\n z",
    "x {#- c -#} y",
    "x {# c #} y",
    "x\n  {# c #}\ny",
    "x\n  {#+ c +#}\ny",
    "x\n{# a\nb #}\n\ny",
    "{# {{ x }} {% if %} ' #}z",
    "{##}z",
    "{#-#}z",
    "  {#--#}  z",
    "{{ 1 }}{# c #}\n{{ 2 }}",
    "{# c #}\n{# d #}\n  z",
    "{% set a = 1 %}{% set b = 2 %}\n  {{ a }}{{ b }}",
    "{% set a = 1 %}\n{% set b = 2 %}\n{{ a }}{{ b }}",
    "{%- set a = 1 -%}\n\n{{ a }}",
    "a{% raw %} {{ x }} {% if %} {% endraw %}b",
    "a\n{% raw %}\n {{ x }}\n{% endraw %}\nb",
    "a {%- raw -%} \n x \n {%- endraw -%} b",
    "a\n  {% raw %}  x\n  {% endraw %}  b",
    "{% raw %}{% endraw %}z",
    "{%raw%}{{{%endraw%}z",
    "{{'a'}}{{\"b\"}}",
    "{{ '}}' }}{{ \"%}\" }}{{ '{{' }}",
    "{{ {'a': {'b': 1}}['a'] }}",
    "{% set x = {'a': {'b': 1}} %}{{ x.a.b }}",
    "{% set x = '%}' %}{{ x }}",
    "{ {{ 1 }} } { % { # }} %} #}",
    "{{ '{' }}{% if 1 %}%{% endif %}}",
    "{{\n1\n}}",
    "{%\nif\n1\n%}y{%endif%}",
    "{% if 0 %}a{% elif 1 %}b{% else %}c{% endif %}",
    "{% if 0 %}a{% elif 0 %}b{% elif none %}d{% else %}c{% endif %}",
    "{% if 0 %}a{% endif %}",
    "{% if 1, %}a{% endif %}",
    "{% if undefined_thing %}a{% else %}b{% endif %}",
    "{% for x in [1, 2, 3] %}{{ x }}{{ ',' if not loop.last }}{% endfor %}",
    "{% for x in [] %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in [1] %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in undefined_thing %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in 'añ👩' %}[{{ x }}]{% endfor %}",
    "{% for k in {'a': 1, 'b': 2} %}{{ k }}{% endfor %}",
    "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in {'b': 1, 'a': 2} | dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for (a, b) in [(1, 2), [3, 4]] %}{{ a }}{{ b }};{% endfor %}",
    "{% for a in 1, 2 %}{{ a }}{% endfor %}",
    "{% for x in range(6) if x is odd %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}",
    "{% for x in range(6) if x > 9 %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in 'abc' %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
    "{% for x in 'abc' %}{{ loop.previtem | default('-') }}{{ loop.nextitem | default('+') }}{{ loop.cycle('o', 'e') }} {% endfor %}",
    "{% for x in 'ab' %}{% for y in 'cd' %}{{ x }}{{ y }}{{ loop.index }}{{ loop.depth }} {% endfor %}{{ loop.index }}{% endfor %}",
    "{% for x in [1, 2, 3, 4] %}{% if x == 3 %}{% break %}{% endif %}{{ x }}{% endfor %}.",
    "{% for x in [1, 2, 3, 4] %}{% if x == 3 %}a{% continue %}b{% endif %}{{ x }}{% endfor %}.",
    "{% for x in [1, 2] %}{% for y in [1, 2] %}{% if y == 2 %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{{ x }}{% endfor %}",
    "{% set x = 1 %}{% for y in [1, 2] %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}",
    "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% for y in [1, 2] %}{{ z }}{% set z = y %}{{ z }}{% endfor %}{{ z }}",
    "{% set x = 0 %}{% for x in [1, 2] %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(n=0) %}{% for y in [1, 2] %}{% set ns.n = ns.n + y %}{% endfor %}{{ ns.n }}",
    "{% set a, b = 1, 2 %}{{ b }}{{ a }}",
    "{% set (a, b) = 'xy' %}{{ b }}{{ a }}",
    "{% set a = 1, 2 %}{{ a }}",
    "{% set x %}a{{ 1 }}{% endset %}[{{ x }}]",
    "{% set x | trim | upper %}  a{{ 1 }} {% endset %}[{{ x }}]",
    "{% set x %}\n  a\n{% endset %}\n[{{ x }}]",
    "{% set x = '=' %}{{ x }}{% set y = x == '=' %}{{ y }}",
    "{% macro f(a, b=2) %}[{{ a }}{{ b }}]{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(b=4, a=5) }}{{ f() }}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% set x = 'out' %}{% macro f() %}{{ x }}{% endmacro %}{% for x in ['in'] %}{{ f() }}{% endfor %}{{ f() }}",
    "{% macro f(x) %}{% set y = x %}{{ y }}{% endmacro %}{{ f(1) }}{{ y }}",
    "{% macro f() %}  a {% endmacro %}[{{ f() | trim }}][{{ f() }}]",
    "{% macro f(a, b=a) %}{{ b }}{% endmacro %}{{ f(7) }}",
    "{% macro f(a) %}{{ a is defined }}{% endmacro %}{{ f() }}",
    "{{ f is defined }}{% macro f() %}x{% endmacro %}{{ f is defined }}",
    "{% set messages = messages[1:] %}{{ messages | length }}",
    "{% for message in messages %}{{ loop.index }}{{ message.role }}{% endfor %}{{ message is defined }}",
    "{% for x in [1, 2] %}\n  {{ x }}\n{% endfor %}\nend",
    "{% for x in [1, 2] -%}\n  {{ x }}\n{%- endfor %}\nend",
    "a{{ '\n' }}\n{% if 1 %}b{% endif %}",
    "\t{% if 1 %}\tb\t{% endif %}\t",
    "\u00a0{% if 1 %}b{% endif %}\n\u3000{%- if 1 %}c{% endif %}",
    "{{ 'x' }}   {% if 1 %}y{% endif %}   {{ 'z' }}",
    "{{ x }}{% if 1 %}\n{{ 'y' }}{% endif %}\n\n",
    "Assistant: {% if add_generation_prompt %} {% endif %}go",
    "{% generation %}\n a\n{% endgeneration %}\nb",
    "{{ 1",
    "{{ 1 }",
    "{% if 1 %}",
    "{% endif %}",
    "{% if %}{% endif %}",
    "{% if 1 %}{% endfor %}",
    "{% for x %}{% endfor %}",
    "{% for x in [1] %}{% elif 1 %}{% endfor %}",
    "{% else %}",
    "{% if 1 %}{% else %}{% else %}{% endif %}",
    "{% if 1 %}{% else %}{% elif 1 %}{% endif %}",
    "{% break %}",
    "{% set %}",
    "{% set x = %}",
    "{% set 1 = 2 %}",
    "{% set x.y = 2 %}",
    "{% macro %}{% endmacro %}",
    "{% frobnicate %}",
    "{{ 1 +}}",
    "{{ 'a }}",
    "{{ a b }}",
    "{{ }}",
    "{{ 1 | frobnicate }}",
    "{{ 1 is frobnicated }}",
    "{{ frobnicate() }}",
    "{{ 'a'.frobnicate() }}",
    "{{ a ! b }}",
    "{{ (1 }}",
    "{{ [1, 2 }}",
    "{{ f(a=1, 2) }}",
    "{# never ends",
    "{% raw %}never ends",
    "{% endif extra %}",
    "{% if 1 %}{% endif extra %}",
    "{{ 1 is odd is even }}",
]


class Generation(jinja2.ext.Extension):
    """Marks what the assistant says; printed as it is."""

    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )

    def raise_exception(message):
        raise Refusal(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(
            x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
        )

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


class Refusal(Exception):
    pass


def rendered(template, messages, add_generation_prompt):
    try:
        parsed = environment().from_string(template)
    except (jinja2.exceptions.TemplateError, SyntaxError):
        return {"wrong": True}
    try:
        return {
            "text": parsed.render(
                messages=messages,
                tools=None,
                documents=None,
                add_generation_prompt=add_generation_prompt,
                **TOKENS,
            )
        }
    except Refusal as e:
        return {"refusal": str(e)}
    except Exception:
        return {"fails": True}


def case(template, conversation, add_generation_prompt):
    messages = [{"role": r, "content": c} for r, c in CONVERSATIONS[conversation]]
    source = TEMPLATES.get(template, template)
    return {
        "template": template,
        "conversation": conversation,
        "add_generation_prompt": add_generation_prompt,
        **rendered(source, messages, add_generation_prompt),
    }


def cases():
    for name in TEMPLATES:
        for conversation in CONVERSATIONS:
            for add in (True, False):
                yield case(name, conversation, add)
    for expression in EXPRESSIONS:
        yield case("{% set m = messages[0] %}[{{ " + expression + " }}]", "turns", True)
    for snippet in SNIPPETS:
        yield case(snippet, "turns", True)


def lines(values):
    return ",\n".join(json.dumps(value, ensure_ascii=False) for value in values)


if __name__ == "__main__":
    print('{"templates":', json.dumps(TEMPLATES, indent=0, ensure_ascii=False), ",")
    print('"conversations":', json.dumps(CONVERSATIONS, ensure_ascii=False), ",")
    print('"cases": [\n' + lines(cases()) + "\n]}")
