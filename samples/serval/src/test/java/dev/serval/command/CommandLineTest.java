package dev.serval.command;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class CommandLineTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "chat --modle x          | '--modle' is no option of 'serval chat', did you mean --model",
        "serv                    | 'serv' is no command of 'serval'; there is serve, chat, generate",
        "devices x               | 'x' is one argument too many of 'serval devices'",
        "bench --request-rate -3 | '-3' is no rate; write a number above 0, or inf",
        "bench --num-prompts 0   | --num-prompts is at least 1, unlike 0",
        "bench --input-len 5,0   | lengths are at least 1 token, unlike [5, 0]",
        "bench --range-ratio 1   | a range ratio lies from 0 to below 1, unlike 1.0",
        "bench --metric-percentiles 101 | a percentile lies from 0 to 100, unlike 101.0",
        "bench --engine --decode -1 | --decode takes from 0 to 1024 sequences, unlike [-1]",
        "bench --engine --repetitions 0 | --repetitions are at least 1",
        "bench --engine --base-url http://x | goes without --base-url",
        "simulate                | give a trace, or make one with --workload",
        "simulate x.jsonl --workload poisson | a trace or a --workload, not both",
        "simulate x.jsonl --policy speedy | 'speedy' is no order policy; there are deadline, fair, fcfs, priority, shortest",
        "simulate x.jsonl --policy fcfs,chunk=0 | a step has a budget of at least 1 token",
        "simulate x.jsonl --policy fcfs,size=3 | 'size' is no role",
        "simulate x.jsonl --machine 1,2 | '1,2' is no machine",
        "simulate --workload poisson --duration 5x | '5x' is no duration",
        "bench --max-concurrency 0 | --max-concurrency is at least 1, unlike 0",
        "chat --temperature hot x | Invalid value for option '--temperature': 'hot' is not a double",
        "chat --kernels fast x   | 'fast' names no kernels; there is best, plain, vector, generated",
        "chat --temperature 3 x  | temperature lies between 0 and 2, unlike 3.0",
      })
  void what_is_wrong_with_the_command_line_is_said_in_a_sentence(String line, String sentence) {
    CommandRun run = CommandRun.of(line.strip().split(" +"));

    assertThat(run.exit()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).startsWith("serval: ").contains(sentence.strip()).hasLineCount(1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "serve",
        "chat",
        "generate",
        "inspect",
        "perplexity",
        "devices",
        "bench",
        "simulate"
      })
  void each_command_explains_itself(String command) {
    CommandRun run = CommandRun.of(command, "--help");

    assertThat(run.exit()).isZero();
    assertThat(run.out()).startsWith("Usage: serval " + command).contains("--verbose");
  }

  @Test
  void without_a_command_there_is_the_list_of_commands() {
    assertThat(CommandRun.of("--help").out()).contains("serve", "chat", "generate", "bench");
    assertThat(CommandRun.of().exit()).isEqualTo(2);
    assertThat(CommandRun.of().err())
        .startsWith("serval: 'serval' needs a command: serve, chat, generate")
        .hasLineCount(1);
  }

  @Test
  void help_is_a_command_too() {
    assertThat(CommandRun.of("help").out()).isEqualTo(CommandRun.of("--help").out());
    assertThat(CommandRun.of("help", "chat").out())
        .isEqualTo(CommandRun.of("chat", "--help").out());
  }

  @Test
  void a_server_that_is_not_there_is_said_in_a_sentence() {
    CommandRun run = CommandRun.of("bench", "--base-url", "http://127.0.0.1:1");

    assertThat(run.exit()).isEqualTo(1);
    assertThat(run.err()).startsWith("serval: ").contains("127.0.0.1:1").hasLineCount(1);
  }

  @Test
  void a_stack_trace_is_for_who_asks_for_it() {
    CommandRun run = CommandRun.of("bench", "--base-url", "http://127.0.0.1:1", "--verbose");

    assertThat(run.err()).contains("at dev.serval.command");
  }
}
