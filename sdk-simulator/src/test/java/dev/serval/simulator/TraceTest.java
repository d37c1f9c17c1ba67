package dev.serval.simulator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class TraceTest {
  @TempDir private Path folder;

  private Trace read(String lines) throws IOException {
    return Trace.read(Files.writeString(folder.resolve("trace.jsonl"), lines), 512);
  }

  @Test
  void lines_of_the_mooncake_traces_are_read() throws IOException {
    Trace trace =
        read(
            """
            {"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}
            {"timestamp": 0, "input_length": 12, "output_length": 1, "hash_ids": []}
            """);

    assertThat(trace.requests())
        .containsExactly(
            TracedRequest.of(Duration.ZERO, 12, 1),
            TracedRequest.of(Duration.ofMillis(27482), 6955, 52).withHashIds(List.of(46L, 47L)));
  }

  @Test
  void seconds_classes_tenants_and_priorities_are_read_and_other_fields_passed_over()
      throws IOException {
    Trace trace =
        read(
            """
            {"arrival": 1.5, "input_length": 1, "output_length": 2, "class": "batch",\
             "tenant": "anna", "priority": -1, "session_id": "x"}
            """);

    assertThat(trace.requests())
        .containsExactly(
            new TracedRequest(Duration.ofMillis(1500), 1, 2, List.of(), "batch", "anna", -1));
  }

  @Test
  void what_is_written_is_read_again() throws IOException {
    Trace trace = Workloads.conversations(Duration.ofMinutes(2), 0.5, 3, 1);
    StringWriter out = new StringWriter();
    trace.write(out);

    assertThat(read(out.toString()).requests()).isEqualTo(trace.requests());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "{'timestamp': 1, 'input_length': 1}      | 'output_length' is a number",
        "{'input_length': 1, 'output_length': 1}  | a timestamp in milliseconds, or an arrival",
        "{'timestamp': 1                          | not JSON",
        "[1]                                      | a request is a JSON object",
        "{'timestamp': 1, 'input_length': 0, 'output_length': 1} | at least 1 token of prompt",
        "{'timestamp': -1, 'input_length': 1, 'output_length': 1} | arrives at 0 or later",
        "{'timestamp': 1, 'input_length': 1, 'output_length': 1, 'hash_ids': ['a']}"
            + " | 'hash_ids' are whole numbers",
        "{'timestamp': 1, 'input_length': 1, 'output_length': 1, 'class': 3} | 'class' is a text",
      })
  void a_line_that_is_none_is_named(String line, String sentence) {
    assertThatThrownBy(() -> read("\n" + line.replace('\'', '"')))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("trace.jsonl, line 2")
        .hasMessageContaining(sentence);
  }

  @Test
  void the_ideal_hits_of_a_small_trace_are_those_counted_by_hand() {
    List<TracedRequest> requests =
        List.of(
            TracedRequest.of(Duration.ZERO, 20, 1).withHashIds(List.of(1L, 2L, 3L)),
            TracedRequest.of(Duration.ofSeconds(1), 16, 1).withHashIds(List.of(1L, 2L)),
            TracedRequest.of(Duration.ofSeconds(2), 30, 1).withHashIds(List.of(1L, 2L, 4L)),
            TracedRequest.of(Duration.ofSeconds(3), 24, 1).withHashIds(List.of(2L, 1L, 3L)),
            TracedRequest.of(Duration.ofSeconds(4), 21, 1).withHashIds(List.of(1L, 2L, 4L)),
            TracedRequest.of(Duration.ofSeconds(5), 21, 1));

    assertThat(new Trace(requests, 8).idealHitTokens(4)).isEqualTo(0 + 12 + 16 + 0 + 20 + 0);
  }
}
