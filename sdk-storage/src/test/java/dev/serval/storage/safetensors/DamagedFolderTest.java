package dev.serval.storage.safetensors;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.SafetensorsReader;
import dev.serval.storage.SafetensorsWriter;
import dev.serval.storage.ShardedModel;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A folder of several files, in every way that they may fail to fit together. */
final class DamagedFolderTest {
  private static final String INDEX = "model.safetensors.index.json";
  private static final String A = ShardedModel.shard(0, 2);
  private static final String B = ShardedModel.shard(1, 2);

  @TempDir private Path folder;

  @BeforeEach
  void writeShards() throws IOException {
    ShardedModel.write(SafetensorsWriter.texts(folder), List.of(vector("a"), vector("b")));
  }

  private static StoredTensor vector(String name) {
    return new StoredTensor(name, DType.F32, List.of(1L), MemorySegment.ofArray(new byte[4]));
  }

  private Path file(String name) {
    return folder.resolve(name);
  }

  private Checkpoint open() {
    return new SafetensorsReader(1).open(folder, LoadListener.NONE);
  }

  private AbstractThrowableAssert<?, ?> assertRefused() {
    return assertThatThrownBy(this::open)
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(folder.toString());
  }

  private AbstractThrowableAssert<?, ?> assertIndexRefused(String json) throws IOException {
    Files.writeString(file(INDEX), json);
    return assertRefused().hasMessageContaining(INDEX);
  }

  private void writeSingle(String... names) throws IOException {
    Files.write(
        file("model.safetensors"),
        SafetensorsWriter.file(
            java.util.Arrays.stream(names).map(DamagedFolderTest::vector).toList()));
  }

  @Test
  void shards_make_one_checkpoint() {
    try (Checkpoint checkpoint = open()) {
      assertThat(checkpoint.tensorNames()).containsExactly("a", "b");
      assertThat(checkpoint.root()).isEqualTo(folder.toString());
    }
  }

  @Test
  void a_single_file_counts_where_there_is_an_index_too() throws IOException {
    writeSingle("c");
    try (Checkpoint checkpoint = open()) {
      assertThat(checkpoint.tensorNames()).containsExactly("c");
    }
  }

  @Test
  void a_shard_that_is_missing_is_named() throws IOException {
    Files.delete(file(B));
    assertRefused().hasMessageContaining("has no '" + B + "'").hasMessageContaining(A);
    Files.delete(file(A));
    assertRefused().hasMessageContaining("'" + A + "' and no '" + B + "'");
  }

  @Test
  void a_tensor_that_its_shard_lacks_is_named() throws IOException {
    assertIndexRefused(
            "{\"weight_map\": {\"a\": \"%s\", \"b\": \"%s\", \"c\": \"%s\"}}".formatted(A, B, B))
        .hasMessageContaining(file(B) + ": tensor 'c' is not in this file");
  }

  @Test
  void a_tensor_that_the_index_does_not_list_is_named() throws IOException {
    Files.write(file(B), SafetensorsWriter.file(List.of(vector("b"), vector("c"))));
    ShardedModel.index(folder, Map.of("a", A, "b", B));
    assertRefused()
        .hasMessageContaining(file(B) + ": tensor 'c' is in this file")
        .hasMessageContaining("does not list it");
  }

  @Test
  void a_tensor_in_two_shards_is_named() throws IOException {
    Files.write(file(B), SafetensorsWriter.file(List.of(vector("a"), vector("b"))));
    assertRefused()
        .hasMessageContaining(file(B) + ": tensor 'a' is in this file")
        .hasMessageContaining("lists it in '" + A + "'");
  }

  @Test
  void a_shard_that_is_damaged_is_named() throws IOException {
    Files.write(file(B), new byte[4]);
    assertRefused().hasMessageContaining(file(B).toString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../x.safetensors",
        "/etc/passwd",
        "sub/x.safetensors",
        "..",
        ".",
        "",
        " ",
        "a\\\\b",
        "C:x",
        "a\\u0000b",
        "a\\nb"
      })
  void an_index_names_plain_files(String name) throws IOException {
    assertIndexRefused("{\"weight_map\": {\"a\": \"%s\"}}".formatted(name))
        .hasMessageContaining("weight_map/a is '")
        .hasMessageContaining("without separators");
  }

  @Test
  void an_index_names_no_file_that_this_system_cannot_have() throws IOException {
    assumeTrue(File.separatorChar == '/', "other systems have such names");
    Files.writeString(file(INDEX), "{\"weight_map\": {\"a\": \"x\\ud800\"}}");
    assertRefused().hasMessageContaining("'x\\u{d800}' cannot be the name of a file");
  }

  @Test
  void an_index_names_no_file_of_a_thousand_letters() throws IOException {
    assertIndexRefused("{\"weight_map\": {\"a\": \"%s\"}}".formatted("x".repeat(1000)))
        .hasMessageContaining("the name of a file");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "null", "3", "\"x\"", "{\"a\": 1}", "{\"a\": [\"x\"]}"})
  void a_weight_map_is_an_object_of_strings(String map) throws IOException {
    assertIndexRefused("{\"weight_map\": %s}".formatted(map)).hasMessageContaining("weight_map");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{}", "{\"weight_map\": {}}", "{\"weights\": {\"a\": \"b\"}}"})
  void an_index_has_a_weight_map(String json) throws IOException {
    assertIndexRefused(json).hasMessageContaining("has no weight_map");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "{",
        "{\"weight_map\": {\"a\": \"x\", \"a\": \"x\"}}",
        "{\"weight_map\": {}, \"weight_map\": {}}"
      })
  void an_index_is_a_json_object_without_duplicates(String json) throws IOException {
    assertIndexRefused(json);
  }

  @Test
  void an_index_of_gigabytes_is_refused_unread() throws IOException {
    try (RandomAccessFile sparse = new RandomAccessFile(file(INDEX).toFile(), "rw")) {
      sparse.setLength(5L << 30);
    }
    assertRefused()
        .hasMessageContaining(INDEX + " has 5368709120 bytes; allowed are up to 95.4 MiB");
  }

  @Test
  void a_folder_without_weights_is_refused_with_what_is_there() throws IOException {
    Files.delete(file(INDEX));
    Files.write(file("pytorch_model.bin"), new byte[1]);
    assertRefused()
        .hasMessageContaining("has no model.safetensors and no " + INDEX)
        .hasMessageContaining("pytorch_model.bin");
  }

  @Test
  void a_folder_without_configuration_is_refused() throws IOException {
    Files.delete(file("config.json"));
    assertRefused().hasMessageContaining("has no config.json; there is");
  }

  @ParameterizedTest
  @ValueSource(strings = {"config.json", INDEX, "tokenizer.json", "chat_template.jinja"})
  void a_folder_in_place_of_a_file_is_refused(String name) throws IOException {
    Files.delete(file(name));
    Files.createDirectory(file(name));
    assertRefused().hasMessageContaining(file(name) + " is a folder");
  }

  @ParameterizedTest
  @ValueSource(strings = {"config.json", "tokenizer.json", "model.safetensors"})
  void a_link_to_nothing_is_refused(String name) throws IOException {
    Files.deleteIfExists(file(name));
    Files.createSymbolicLink(file(name), Path.of("nowhere"));
    assertRefused().hasMessageContaining(file(name) + " is a link to a file that is not there");
  }

  @Test
  void a_link_to_itself_is_refused() throws IOException {
    Files.delete(file("tokenizer.json"));
    Files.createSymbolicLink(file("tokenizer.json"), Path.of("tokenizer.json"));
    assertRefused().hasMessageContaining("tokenizer.json cannot be read");
  }

  @Test
  void links_to_files_are_followed() throws IOException {
    Files.move(file(A), file("blob"));
    Files.createSymbolicLink(file(A), Path.of("blob"));
    try (Checkpoint checkpoint = open()) {
      assertThat(checkpoint.tensorNames()).contains("a");
    }
  }

  @Test
  @Timeout(20)
  void a_pipe_in_place_of_a_file_is_refused_and_not_waited_for() throws Exception {
    Files.delete(file("config.json"));
    Process made = new ProcessBuilder("mkfifo", file("config.json").toString()).start();
    assumeTrue(made.waitFor() == 0, "this system makes no pipes");
    assertRefused().hasMessageContaining("config.json is neither file nor folder");
  }

  @Test
  void one_shard_of_several_is_no_checkpoint() {
    assertThatThrownBy(() -> new SafetensorsReader().open(file(A), LoadListener.NONE))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(A)
        .hasMessageContaining("open the folder");
  }

  @Test
  void another_file_of_the_folder_is_no_checkpoint() {
    assertThatThrownBy(() -> new SafetensorsReader().open(file(INDEX), LoadListener.NONE))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("is no safetensors checkpoint");
  }

  @Test
  void a_file_and_its_folder_are_the_same_artefact() throws IOException {
    writeSingle("c");
    Files.copy(file("model.safetensors"), file("other.safetensors"));
    try (Checkpoint whole = open();
        Checkpoint other =
            new SafetensorsReader().open(file("other.safetensors"), LoadListener.NONE)) {
      assertThat(other.digest()).isEqualTo(whole.digest());
      assertThat(other.config()).isEqualTo(whole.config());
    }
  }

  @Test
  void the_configuration_keeps_its_numbers_and_loses_its_nulls() throws IOException {
    Files.writeString(
        file("config.json"),
        """
        {"long": 9007199254740993, "big": 9223372036854775808, "double": 1e6, "null": null,
         "list": [1, null, {"x": [true, "é"]}], "least": -9223372036854775808}
        """);
    try (Checkpoint checkpoint = open()) {
      assertThat(checkpoint.config())
          .isEqualTo(
              Map.of(
                  "long",
                  9007199254740993L,
                  "big",
                  0x1p63,
                  "double",
                  1e6,
                  "list",
                  List.of(1L, Map.of("x", List.of(true, "é"))),
                  "least",
                  Long.MIN_VALUE));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "null",
        "{} {}",
        "{\"a\": 1, \"a\": 2}",
        "{\"a\": {\"b\": 1, \"b\": 1}}",
        "{\"a\": NaN}",
        "{\"a\": -Infinity}",
        "{\"a\": Inf}",
        "{\"a\": 1e999}",
        "{\"a\": 01}",
        "{a: 1}",
        "{\"a\": 1,}",
        "{\"a\": /* b */ 1}"
      })
  void a_configuration_is_strict_json(String json) throws IOException {
    Files.writeString(file("config.json"), json);
    assertRefused().hasMessageContaining(file("config.json").toString());
  }

  @Test
  void a_configuration_nested_without_end_is_refused() throws IOException {
    Files.writeString(file("config.json"), "{\"a\":".repeat(100_000));
    assertRefused()
        .hasMessageContaining("config.json is not valid JSON")
        .hasMessageContaining("64");
  }

  @Test
  void a_number_of_a_million_digits_is_refused() throws IOException {
    Files.writeString(file("config.json"), "{\"a\": " + "1".repeat(1_000_000) + "}");
    assertRefused().hasMessageContaining("config.json is not valid JSON");
  }

  @Test
  void a_configuration_of_megabytes_is_refused() throws IOException {
    Files.writeString(file("config.json"), "{\"a\": \"" + "x".repeat(5 << 20) + "\"}");
    assertRefused().hasMessageContaining("config.json has").hasMessageContaining("up to 4 MiB");
  }

  @Test
  void texts_are_handed_out_as_they_are() throws IOException {
    Files.writeString(file("chat_template.jinja"), "{{ '𝔘 ü' }}\r\n");
    Files.delete(file("generation_config.json"));
    try (Checkpoint checkpoint = open()) {
      assertThat(checkpoint.text("chat_template.jinja")).contains("{{ '𝔘 ü' }}\r\n");
      assertThat(checkpoint.text("tokenizer_config.json")).contains("{\"bos_token\": \"⟨s⟩\"}");
      assertThat(checkpoint.text("generation_config.json")).isEmpty();
      assertThat(checkpoint.text("config.json")).isEmpty();
    }
  }

  @Test
  void an_empty_text_is_a_text() throws IOException {
    Files.writeString(file("chat_template.jinja"), "");
    try (Checkpoint checkpoint = open()) {
      assertThat(checkpoint.text("chat_template.jinja")).contains("");
    }
  }

  @Test
  void a_text_that_is_not_utf8_is_refused_with_the_place() throws IOException {
    byte[] text = ("x".repeat((1 << 20) - 1) + "é").getBytes(UTF_8);
    Files.write(file("tokenizer.json"), text);
    open().close();
    text[1 << 20] = 'x';
    Files.write(file("tokenizer.json"), text);
    assertRefused().hasMessageContaining("tokenizer.json is not UTF-8: byte 1048575 is 0xc3");
    Files.write(file("tokenizer.json"), java.util.Arrays.copyOf(text, 1 << 20));
    assertRefused().hasMessageContaining("tokenizer.json is not UTF-8: byte 1048575 is 0xc3");
  }

  @Test
  void a_text_of_gigabytes_is_refused_unread() throws IOException {
    try (RandomAccessFile sparse = new RandomAccessFile(file("tokenizer.json").toFile(), "rw")) {
      sparse.setLength(3L << 30);
    }
    assertRefused().hasMessageContaining("tokenizer.json has").hasMessageContaining("256 MiB");
  }

  @Test
  void a_checkpoint_that_is_closed_says_so() {
    Checkpoint checkpoint = open();
    checkpoint.close();
    assertThatThrownBy(() -> checkpoint.text("tokenizer.json"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(folder + " is closed");
    assertThat(checkpoint.tensorNames()).containsExactly("a", "b");
  }

  @Test
  void neither_a_closed_checkpoint_nor_a_refused_one_leaves_files_mapped() throws IOException {
    Path maps = Path.of("/proc/self/maps");
    assumeTrue(Files.isReadable(maps), "this system does not list mappings");
    try (Checkpoint checkpoint = open()) {
      assertThat(checkpoint.tensorNames()).isNotEmpty();
      assertThat(Files.readString(maps)).contains(file(A).toRealPath().toString());
    }
    assertThat(Files.readString(maps)).doesNotContain(folder.toRealPath().toString());
    Files.write(file(B), new byte[20]);
    assertRefused();
    assertThat(Files.readString(maps)).doesNotContain(folder.toRealPath().toString());
  }
}
