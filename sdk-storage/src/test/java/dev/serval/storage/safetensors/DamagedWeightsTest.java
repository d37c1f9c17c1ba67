package dev.serval.storage.safetensors;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.storage.SafetensorsReader;
import dev.serval.storage.SafetensorsWriter;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** One file of weights, in every way it can be wrong. */
final class DamagedWeightsTest {
  private static final byte[] NOTHING = {};

  @TempDir private Path folder;

  @BeforeEach
  void writeTexts() throws IOException {
    SafetensorsWriter.texts(folder);
  }

  private Path weights() {
    return folder.resolve("model.safetensors");
  }

  private Checkpoint open() {
    return new SafetensorsReader(1).open(folder, LoadListener.NONE);
  }

  private Checkpoint open(String header, int dataBytes) throws IOException {
    Files.write(weights(), SafetensorsWriter.file(header, new byte[dataBytes]));
    return open();
  }

  private AbstractThrowableAssert<?, ?> assertRefused(byte[] file) throws IOException {
    Files.write(weights(), file);
    return assertThatThrownBy(this::open)
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(weights().toString());
  }

  private AbstractThrowableAssert<?, ?> assertRefused(String header, int dataBytes)
      throws IOException {
    return assertRefused(SafetensorsWriter.file(header, new byte[dataBytes]));
  }

  private AbstractThrowableAssert<?, ?> assertEntryRefused(String entry, int dataBytes)
      throws IOException {
    return assertRefused("{\"w\": " + entry + "}", dataBytes);
  }

  private static String entry(String dtype, String shape, String offsets) {
    return "{\"dtype\": %s, \"shape\": %s, \"data_offsets\": %s}".formatted(dtype, shape, offsets);
  }

  private static String floats(String name, long begin, long end) {
    return "\"%s\": %s"
        .formatted(
            name, entry("\"F32\"", "[" + (end - begin) / 4 + "]", "[" + begin + ", " + end + "]"));
  }

  @Test
  void an_empty_file_is_refused() throws IOException {
    assertRefused(NOTHING).hasMessageContaining("has 0 bytes").hasMessageContaining("8 bytes");
  }

  @Test
  void a_file_without_room_for_the_length_is_refused() throws IOException {
    assertRefused(new byte[7]).hasMessageContaining("has 7 bytes");
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "3, 3",
    "10000, 10000",
    "-1, 18446744073709551615",
    "-9223372036854775808, 9223372036854775808",
    "9223372036854775807, 9223372036854775807"
  })
  void a_header_of_impossible_length_is_refused(long claimed, String shown) throws IOException {
    assertRefused(SafetensorsWriter.file(claimed, "{}".getBytes(UTF_8), NOTHING))
        .hasMessageContaining("header has " + shown + " bytes")
        .hasMessageContaining("from 1 to 2");
  }

  @Test
  void a_header_above_100_MB_is_refused_unread() throws IOException {
    try (RandomAccessFile sparse = new RandomAccessFile(weights().toFile(), "rw")) {
      sparse.setLength(120_000_000);
      sparse.write(
          ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(100_000_001).array());
    }
    assertThatThrownBy(this::open)
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("100000001")
        .hasMessageContaining("from 1 to 100000000");
  }

  @Test
  void a_pointer_in_place_of_the_weights_is_refused_with_what_to_do() throws IOException {
    assertRefused("version https://git-lfs.github.com/spec/v1\noid sha256:00\n".getBytes(UTF_8))
        .hasMessageContaining("git lfs pull");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"{", "{\"w\"}", "{\"w\":}", "{} {}", "{}x", "{'w': 1}", "{\"w\": NaN}", "{,}"})
  void a_header_that_is_no_json_is_refused(String header) throws IOException {
    assertRefused(header, 0).hasMessageContaining("the header of");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "null", "1", " {}", "\"{}\"", "GGUF"})
  void a_header_begins_with_a_brace(String header) throws IOException {
    assertRefused(header, 0).hasMessageContaining("beginning with {");
  }

  @Test
  void a_header_may_be_padded_with_spaces() throws IOException {
    try (Checkpoint checkpoint = open("{" + floats("w", 0, 8) + "}     ", 8)) {
      assertThat(checkpoint.tensorNames()).containsExactly("w");
    }
  }

  @Test
  void a_header_that_is_not_utf8_is_refused_with_the_place() throws IOException {
    byte[] header = "{\"w\": 1}".getBytes(UTF_8);
    header[2] = (byte) 0xff;
    assertRefused(SafetensorsWriter.file(header.length, header, NOTHING))
        .hasMessageContaining("is not UTF-8: byte 2 is 0xff");
  }

  @Test
  void a_header_in_utf16_is_refused() throws IOException {
    byte[] header = "{}".getBytes(java.nio.charset.StandardCharsets.UTF_16LE);
    assertRefused(SafetensorsWriter.file(header.length, header, NOTHING))
        .hasMessageContaining("not valid JSON");
  }

  @Test
  void a_header_nested_without_end_is_refused() throws IOException {
    assertRefused("{\"__metadata__\": " + "[".repeat(100_000), 0)
        .hasMessageContaining("must be an object");
    assertRefused("{\"w\": {\"shape\": " + "[".repeat(100_000), 0)
        .hasMessageContaining("w/shape/0 is a list");
  }

  @Test
  void a_name_of_thousands_of_characters_is_refused() throws IOException {
    assertRefused("{\"" + "w".repeat(1_000_000) + "\": {}}", 0)
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(1000));
  }

  @Test
  void a_tensor_given_twice_is_refused() throws IOException {
    assertRefused("{" + floats("w", 0, 8) + ", " + floats("w", 8, 16) + "}", 16)
        .hasMessageContaining("Duplicate")
        .hasMessageContaining("\"w\"");
  }

  @Test
  void names_that_only_look_different_in_the_file_are_the_same() throws IOException {
    assertRefused("{" + floats("w", 0, 8) + ", " + floats("\\u0077", 8, 16) + "}", 16)
        .hasMessageContaining("Duplicate");
  }

  @Test
  void a_field_given_twice_is_refused() throws IOException {
    assertEntryRefused(
            "{\"dtype\": \"F32\", \"dtype\": \"F16\", \"shape\": [1], \"data_offsets\": [0, 4]}", 4)
        .hasMessageContaining("Duplicate")
        .hasMessageContaining("dtype");
  }

  @Test
  void a_field_that_is_missing_is_named() throws IOException {
    assertEntryRefused("{}", 0).hasMessageContaining("tensor 'w' has no dtype");
    assertEntryRefused("{\"dtype\": \"F32\"}", 0).hasMessageContaining("tensor 'w' has no shape");
    assertEntryRefused("{\"dtype\": \"F32\", \"shape\": []}", 0)
        .hasMessageContaining("tensor 'w' has no data_offsets");
  }

  @Test
  void a_field_that_nobody_knows_is_refused() throws IOException {
    assertEntryRefused("{\"strides\": [1]}", 0)
        .hasMessageContaining("tensor 'w'")
        .hasMessageContaining("'strides'")
        .hasMessageContaining("dtype, shape and data_offsets");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "null", "3", "\"F32\"", "true"})
  void an_entry_is_an_object(String entry) throws IOException {
    assertEntryRefused(entry, 0).hasMessageContaining("w is ").hasMessageContaining("an object");
  }

  @ParameterizedTest
  @ValueSource(strings = {"F31", "f32", "float32", "", " F32"})
  void an_unknown_type_is_refused_with_those_there_are(String dtype) throws IOException {
    assertEntryRefused(entry("\"" + dtype + "\"", "[1]", "[0, 4]"), 4)
        .hasMessageContaining("tensor 'w'")
        .hasMessageContaining("'" + dtype + "'")
        .hasMessageContaining("BF16");
  }

  @ParameterizedTest
  @ValueSource(strings = {"4", "null", "[\"F32\"]"})
  void a_type_is_a_string(String dtype) throws IOException {
    assertEntryRefused(entry(dtype, "[1]", "[0, 4]"), 4)
        .hasMessageContaining("w/dtype")
        .hasMessageContaining("a string");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"-1", "1.0", "1e0", "\"1\"", "null", "[1]", "9223372036854775808", "1e400"})
  void a_dimension_is_a_whole_number(String dimension) throws IOException {
    assertEntryRefused(entry("\"F32\"", "[2, " + dimension + "]", "[0, 8]"), 8)
        .hasMessageContaining("w/shape/1")
        .hasMessageContaining("a whole number from 0 to 9223372036854775807");
  }

  @ParameterizedTest
  @ValueSource(strings = {"4", "{}", "null", "\"[4]\""})
  void a_shape_is_a_list(String shape) throws IOException {
    assertEntryRefused(entry("\"F32\"", shape, "[0, 4]"), 4)
        .hasMessageContaining("w/shape")
        .hasMessageContaining("a list");
  }

  @Test
  void a_shape_of_too_many_dimensions_is_refused() throws IOException {
    String ones = "1, ".repeat(64) + "1";
    assertEntryRefused(entry("\"F32\"", "[" + ones + "]", "[0, 4]"), 4)
        .hasMessageContaining("no more than 64");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[4294967296, 4294967296]",
        "[9223372036854775807, 2]",
        "[2305843009213693952, 8]",
        "[4611686018427387904, 4, 0]",
        "[4611686018427387905]"
      })
  void a_shape_whose_size_overflows_is_refused(String shape) throws IOException {
    assertEntryRefused(entry("\"F32\"", shape, "[0, 4]"), 4)
        .hasMessageContaining("tensor 'w' has shape")
        .hasMessageContaining("beyond any memory");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "[0]", "[0, 4, 4]"})
  void offsets_are_two(String offsets) throws IOException {
    assertEntryRefused(entry("\"F32\"", "[1]", offsets), 4).hasMessageContaining("data_offsets");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[-4, 0]", "[0, 4.0]", "[null, 4]", "[0, 18446744073709551615]"})
  void an_offset_is_a_whole_number(String offsets) throws IOException {
    assertEntryRefused(entry("\"F32\"", "[1]", offsets), 4)
        .hasMessageContaining("w/data_offsets/")
        .hasMessageContaining("a whole number from 0");
  }

  @Test
  void offsets_in_the_wrong_order_are_refused() throws IOException {
    assertEntryRefused(entry("\"F32\"", "[1]", "[4, 0]"), 4)
        .hasMessageContaining("tensor 'w' has data_offsets [4, 0]");
  }

  @Test
  void offsets_past_the_end_are_refused() throws IOException {
    assertEntryRefused(entry("\"F32\"", "[2]", "[0, 8]"), 7)
        .hasMessageContaining("tensor 'w' has data_offsets [0, 8], past the end")
        .hasMessageContaining("7 bytes");
    assertEntryRefused(entry("\"F32\"", "[1]", "[9223372036854775803, 9223372036854775807]"), 4)
        .hasMessageContaining("past the end");
  }

  @ParameterizedTest
  @CsvSource({"F32, 8", "F16, 4", "BF16, 4", "I64, 16", "BOOL, 2"})
  void data_of_another_size_than_type_and_shape_demand_is_refused(String dtype, int bytes)
      throws IOException {
    assertEntryRefused(entry("\"" + dtype + "\"", "[2]", "[0, 6]"), 6)
        .hasMessageContaining("tensor 'w' of type " + dtype + " and shape [2]")
        .hasMessageContaining("takes " + bytes + " bytes")
        .hasMessageContaining("[0, 6] hold 6");
  }

  @Test
  void a_tensor_of_half_a_byte_is_refused() throws IOException {
    assertEntryRefused(entry("\"F4\"", "[3]", "[0, 1]"), 1)
        .hasMessageContaining("does not fill whole bytes");
  }

  @Test
  void tensors_that_overlap_are_refused() throws IOException {
    assertRefused("{" + floats("a", 0, 8) + ", " + floats("b", 4, 12) + "}", 12)
        .hasMessageContaining("tensor 'b' has data_offsets [4, 12], an overlap")
        .hasMessageContaining("end at 8");
  }

  @Test
  void tensors_that_share_their_bytes_are_refused() throws IOException {
    assertRefused("{" + floats("a", 0, 8) + ", " + floats("b", 0, 8) + "}", 8)
        .hasMessageContaining("an overlap");
  }

  @Test
  void a_gap_before_or_between_tensors_is_refused() throws IOException {
    assertRefused("{" + floats("a", 4, 8) + "}", 8)
        .hasMessageContaining("tensor 'a' has data_offsets [4, 8], after a gap");
    assertRefused("{" + floats("b", 8, 12) + ", " + floats("a", 0, 4) + "}", 12)
        .hasMessageContaining("tensor 'b' has data_offsets [8, 12], after a gap")
        .hasMessageContaining("end at 4");
  }

  @Test
  void bytes_after_the_last_tensor_are_refused() throws IOException {
    assertRefused("{" + floats("a", 0, 4) + "}", 7).hasMessageContaining("3 bytes after");
    assertRefused("{}", 1).hasMessageContaining("1 bytes after");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "null", "{\"format\": 1}", "{\"format\": null}", "\"pt\""})
  void metadata_is_an_object_of_strings(String metadata) throws IOException {
    assertRefused("{\"__metadata__\": " + metadata + "}", 0).hasMessageContaining("__metadata__");
  }

  @Test
  void a_message_shows_what_is_in_a_name_without_obeying_it() throws IOException {
    assertRefused("{\"a\\n\\u001b[31mb\": {}}", 0)
        .hasMessageContaining("a\\u{a}\\u{1b}[31mb")
        .hasMessageNotContaining("\n");
  }

  @Test
  void a_tensor_of_a_type_that_nothing_computes_with_is_listed_and_refused_when_taken_out()
      throws IOException {
    String header =
        "{\"ids\": %s, %s}".formatted(entry("\"I64\"", "[1]", "[0, 8]"), floats("w", 8, 16));
    try (Checkpoint checkpoint = open(header, 16)) {
      assertThat(checkpoint.tensorNames()).containsExactly("ids", "w");
      assertThat(checkpoint.tensor("w").dtype()).isEqualTo(DType.F32);
      assertThatThrownBy(() -> checkpoint.tensor("ids"))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(weights().toString())
          .hasMessageContaining("tensor 'ids' is of type I64")
          .hasMessageContaining("F16, BF16, F32");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "BOOL, 8", "U8, 8", "I8, 8", "F8_E5M2, 8", "F8_E4M3, 8", "F8_E8M0, 8", "F8_E4M3FNUZ, 8",
    "F8_E5M2FNUZ, 8", "F4, 4", "F6_E2M3, 6", "F6_E3M2, 6", "I16, 16", "U16, 16", "I32, 32",
    "U32, 32", "C64, 64", "F64, 64", "U64, 64"
  })
  void every_type_of_the_format_has_its_place_in_a_file(String dtype, int bits) throws IOException {
    String header = "{\"w\": " + entry("\"" + dtype + "\"", "[8, 1]", "[0, " + bits + "]") + "}";
    try (Checkpoint checkpoint = open(header, bits)) {
      assertThat(checkpoint.tensorNames()).containsExactly("w");
      assertThatThrownBy(() -> checkpoint.tensor("w")).hasMessageContaining("of type " + dtype);
    }
  }

  @Test
  void scalars_and_tensors_without_elements_are_tensors() throws IOException {
    String header =
        "{\"none\": %s, \"nothing\": %s, \"one\": %s, %s}"
            .formatted(
                entry("\"F16\"", "[0, 5]", "[4, 4]"),
                entry("\"F32\"", "[0]", "[4, 4]"),
                entry("\"F32\"", "[]", "[0, 4]"),
                floats("w", 4, 8));
    try (Checkpoint checkpoint = open(header, 8)) {
      assertThat(checkpoint.tensor("one").elements()).isOne();
      assertThat(checkpoint.tensor("none").shape()).isEqualTo(List.of(0L, 5L));
      assertThat(checkpoint.tensor("none").data().byteSize()).isZero();
    }
  }

  @Test
  void tensors_may_begin_anywhere() throws IOException {
    String header =
        "{\"flag\": %s, %s}".formatted(entry("\"U8\"", "[1]", "[0, 1]"), floats("w", 1, 9));
    try (Checkpoint checkpoint = open(header, 9)) {
      assertThat(checkpoint.tensor("w").data().byteSize()).isEqualTo(8);
    }
  }
}
