package dev.serval.models.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.ChatMessage;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.Prompt;
import dev.serval.api.model.ChatTemplate;
import dev.serval.testkit.ChatTemplateContract;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class JinjaChatTemplateTest extends ChatTemplateContract {
  private static final Clock CLOCK =
      Clock.fixed(Instant.parse("2026-02-01T23:30:00Z"), ZoneId.of("Asia/Tokyo"));

  @Override
  protected ChatTemplate template() {
    return read(
        "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}"
            + "{% if add_generation_prompt %}<|assistant|>{% endif %}");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      value = {
        "{{ 1 | frobnicate }} ¦ line 1: the filter 'frobnicate' is not supported",
        "{{ 1 | escape }} ¦ the filter 'escape' is not supported",
        "{{ [1] | map('frobnicate') }} ¦ the filter 'frobnicate' is not supported",
        "{{ [1] | selectattr('a', 'frobnicated') }} ¦ the test 'frobnicated' is not supported",
        "{{ 1 is frobnicated }} ¦ the test 'frobnicated' is not supported",
        "{{ 'a'.frobnicate() }} ¦ the method 'frobnicate' is not supported",
        "{{ 'a'.format(1) }} ¦ the method 'format' is not supported",
        "{{ messages.append(1) }} ¦ the method 'append' is not supported",
        "{{ frobnicate() }} ¦ there is no function 'frobnicate'; there are dict, namespace",
        "{{ lipsum() }} ¦ 'lipsum' is not supported",
        "{{ caller() }} ¦ 'caller' is not supported",
        "{{ dict(**x) }} ¦ arguments with * or ** are not supported",
        "{% include 'x' %} ¦ line 1: the statement 'include' is not supported",
        "{% import 'x' as y %} ¦ the statement 'import' is not supported",
        "{% from 'x' import y %} ¦ the statement 'from' is not supported",
        "{% extends 'x' %} ¦ the statement 'extends' is not supported",
        "{% block x %}{% endblock %} ¦ the statement 'block' is not supported",
        "{% call f() %}{% endcall %} ¦ the statement 'call' is not supported",
        "{% filter upper %}{% endfilter %} ¦ the statement 'filter' is not supported",
        "{% with a = 1 %}{% endwith %} ¦ the statement 'with' is not supported",
        "{% do x %} ¦ the statement 'do' is not supported",
        "{% IF 1 %}{% ENDIF %} ¦ the statement 'IF' is not supported",
        "{% setblock x %} ¦ the statement 'setblock' is not supported",
        "{% for x in [1] recursive %}{% endfor %} ¦ 'recursive' loops are not supported",
        "{{ '\\N{DASH}' }} ¦ the escape \\N{…} is not supported",
      })
  void what_is_not_supported_is_named_when_the_template_is_read(String template, String message) {
    assertThatThrownBy(() -> read(template))
        .isInstanceOf(TemplateFailure.class)
        .hasMessageContaining(message);
  }

  @Test
  void an_error_names_the_line_of_the_template() {
    assertThatThrownBy(() -> read("{% if 1 %}\n{% endif %}\n\n{{ 1 + }}"))
        .hasMessage("line 4: expected an expression, found 'the end'");
    assertThatThrownBy(() -> read("a\n{% for x in [1] %}\nb"))
        .hasMessage("line 2: 'for' has no 'endfor'");
    assertThatThrownBy(() -> read("{% for x in [1] %}{% endif %}"))
        .hasMessage("line 1: 'endif' is out of place, where 'for' is open");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{{ ''.class }}",
        "{{ messages.class }}",
        "{{ messages[0].getClass is defined }}",
        "{{ ''['class'] }}",
        "{{ ____int3rpr3t3r____ }}",
        "{{ 'the rendering' }}",
        "{{ range.class }}",
        "{% for x in [1] %}{{ loop.__class__ }}{% endfor %}",
        "{{ namespace().__init__ }}",
        "{{ raise_exception.__globals__ }}",
      })
  void java_and_python_cannot_be_reached(String template) {
    assertThat(read(template).render(List.of(ChatMessage.user("x")), false))
        .isIn("", "False", "the rendering");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}"
            + "{% for a in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}"
            + "{% for a in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% for a in range(99999) %}{{ 'a' * 1000000 }}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{{ 'a' * 10000000000 }}",
        "{{ [1] * 10000000 }}",
        "{% set ns = namespace(x=[]) %}"
            + "{% for a in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
        "{{ range(10000000) | length }}",
        "{{ 10 ** 100000000000 }}",
        "{{ 1 ** 100000000000 + 9223372036854775807 }}",
      })
  void what_would_run_on_or_fill_the_memory_is_ended(String template) {
    JinjaChatTemplate read = read(template);
    assertThatThrownBy(() -> read.render(List.of(ChatMessage.user("x")), false))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageStartingWith("the model's chat template cannot render this conversation: ");
  }

  @Test
  void deep_nesting_is_refused_when_the_template_is_read() {
    assertThatThrownBy(() -> read("{{ " + "(".repeat(5000) + "1" + ")".repeat(5000) + " }}"))
        .hasMessageContaining("nested");
    assertThatThrownBy(() -> read("{{ " + "not ".repeat(5000) + "1 }}"))
        .hasMessageContaining("nested");
    assertThatThrownBy(() -> read("{{ " + "-".repeat(5000) + "1 }}"))
        .hasMessageContaining("nested");
    assertThatThrownBy(() -> read("{% if 1 %}".repeat(5000) + "{% endif %}".repeat(5000)))
        .hasMessageContaining("nested");
    assertThat(render(read("{{ 1" + " + 1".repeat(3000) + " }}"))).isEqualTo("3001");
  }

  @Test
  void the_templates_own_words_are_the_message() {
    JinjaChatTemplate template = read("{{ raise_exception('Roles must alternate.') }}");
    assertThatThrownBy(() -> render(template))
        .isInstanceOfSatisfying(
            InvalidRequestException.class, e -> assertThat(e.parameter()).isEqualTo("messages"))
        .hasMessage("Roles must alternate.");
  }

  @Test
  void the_time_is_that_of_the_clock_in_its_zone() {
    assertThat(render(read("{{ strftime_now('%d %b %Y %H:%M') }}"))).isEqualTo("02 Feb 2026 08:30");
    assertThatThrownBy(() -> render(read("{{ strftime_now('%Q') }}")))
        .hasMessageContaining("the time format %Q is not supported");
  }

  @Test
  void a_huge_conversation_is_rendered() {
    List<ChatMessage> messages =
        java.util.Collections.nCopies(2000, ChatMessage.user("word ".repeat(200)));
    assertThat(template().render(messages, true)).hasSizeGreaterThan(2_000_000);
  }

  private static String render(JinjaChatTemplate template) {
    return template.render(List.of(ChatMessage.user("x")), false);
  }

  private static JinjaChatTemplate read(String template) {
    return JinjaChatTemplate.read(template, Map.of("bos_token", "<s>"), CLOCK);
  }

  @Test
  void a_template_is_told_variables_that_it_asks_for() {
    JinjaChatTemplate template =
        read(
            "{% if thinking is defined and not thinking %}quiet{% endif %}"
                + "{% set effort = effort | default('medium') %} {{ effort }} {{ mood }}"
                + "{% for message in messages %}{% set n = message.content %}{{ n }}{% endfor %}"
                + "{{ bos_token }}");
    assertThat(template.variables()).containsExactly("effort", "mood", "thinking");
    List<ChatMessage> hello = List.of(ChatMessage.user("hello"));
    assertThat(
            template.render(
                new Prompt.Chat(hello, Map.of("thinking", false, "effort", 2L, "mood", "glad")),
                false))
        .isEqualTo("quiet 2 gladhello<s>");
    assertThatThrownBy(
            () -> template.render(new Prompt.Chat(hello, Map.of("messages", "none")), false))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("'messages'")
        .hasMessageContaining("effort, mood, thinking");
  }
}
