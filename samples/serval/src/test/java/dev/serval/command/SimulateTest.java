package dev.serval.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SimulateTest {
  @TempDir private Path folder;

  @Test
  void policies_stand_side_by_side_and_say_the_same_each_time() {
    String[] line = {
      "simulate",
      "--workload",
      "bursts",
      "--duration",
      "1m",
      "--kv-blocks",
      "500",
      "--policy",
      "fcfs,chunk=2048",
      "--policy",
      "priority,chunk=128"
    };
    CommandRun first = CommandRun.of(line);

    assertThat(first.exit()).isZero();
    assertThat(first.out().lines().findFirst().orElseThrow())
        .matches(" +fcfs,chunk=2048 +priority,chunk=128");
    assertThat(first.out()).contains("class interactive", "ITL (ms) p99.9", "recompute tax");
    assertThat(first.err()).contains("times real time; step log ");
    assertThat(CommandRun.of(line).out()).isEqualTo(first.out());
  }

  @Test
  void a_workload_that_was_written_is_replayed_alike() {
    String file = folder.resolve("clients.jsonl").toString();
    String[] made = {"simulate", "--workload", "clients", "--duration", "1m", "--write", file};

    CommandRun run = CommandRun.of(made);

    assertThat(run.out()).contains("TTFT").isEqualTo(CommandRun.of("simulate", file).out());
  }

  @Test
  void what_requests_say_of_their_answers_changes_who_begins() {
    String[] scarce = {
      "simulate",
      "--workload",
      "poisson",
      "--request-rate",
      "8",
      "--duration",
      "1m",
      "--kv-blocks",
      "400"
    };
    CommandRun known = CommandRun.of(scarce);
    CommandRun unknown = CommandRun.of(and(scarce, "--answer-limit", "4096"));

    assertThat(unknown.exit()).isZero();
    assertThat(unknown.out()).contains("recompute tax").isNotEqualTo(known.out());
    assertThat(CommandRun.of(and(scarce, "--answer-limit", "0")).err())
        .contains("answerLimit: at least 1, unlike 0");
  }

  private static String[] and(String[] line, String... more) {
    return Stream.of(line, more).flatMap(Stream::of).toArray(String[]::new);
  }

  @Test
  void a_file_that_is_none_is_said_in_a_sentence() throws IOException {
    Path file = Files.writeString(folder.resolve("trace.jsonl"), "{}\n");

    assertThat(CommandRun.of("simulate", file.toString()).err())
        .startsWith("serval: trace.jsonl, line 1: a request has a timestamp")
        .hasLineCount(1);
    assertThat(CommandRun.of("simulate", folder.resolve("none").toString()).err())
        .contains("there is no file")
        .hasLineCount(1);
  }
}
