package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.GgufWriter.Entry;
import dev.serval.storage.GgufWriter.Out;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How a GGUF file may and may not be made up. */
final class GgufFileTest extends GgufCase {
  private static final int Q8_0 = 8;

  private static Entry entry(String name, int type, long offset, long... dimensions) {
    return new Entry(name, Arrays.stream(dimensions).boxed().toList(), type, offset);
  }

  private static Out array(int element, long count) {
    return new Out().u32(9).u32(element).u64(count);
  }

  @Test
  void versions_2_and_3_are_read() throws IOException {
    for (int version : new int[] {2, 3}) {
      accepted(
          sound().version(version), checkpoint -> assertThat(checkpoint.tensorNames()).hasSize(2));
    }
  }

  @Test
  void other_versions_and_byte_orders_are_refused_by_name() {
    refused(sound().version(1).file(), "version 1", "2 and 3");
    refused(sound().version(4).file(), "version 4", "2 and 3");
    refused(sound().version(0).file(), "version 0");
    refused(sound().version(3 << 24).file(), "big-endian");
  }

  @Test
  void a_file_cut_short_anywhere_is_refused() {
    byte[] file = sound().file();
    for (int length = 0; length < file.length; length++) {
      refused(Arrays.copyOf(file, length));
    }
  }

  @Test
  void a_file_that_begins_otherwise_is_refused() {
    byte[] file = sound().file();
    file[0] = 'X';
    refused(file, "'XGUF'", "'GGUF'");
  }

  @Test
  void counts_beyond_the_bytes_that_follow_are_refused() {
    for (long count : new long[] {1000, Integer.MAX_VALUE, Long.MAX_VALUE, -1, Long.MIN_VALUE}) {
      refused(sound().file(count, 8));
      refused(sound().file(2, count));
    }
    refused(
        GgufWriter.llama().raw("x", array(4, Long.MAX_VALUE / 2).toByteArray()).file(),
        "the count of 'x'",
        "room for");
    refused(GgufWriter.llama().raw("x", array(8, 1L << 40).toByteArray()).file(), "'x'");
  }

  @Test
  void strings_past_the_end_are_refused() {
    for (long length : new long[] {100_000, Long.MAX_VALUE, -1}) {
      refused(
          GgufWriter.llama().raw("x", new Out().u32(8).u64(length).toByteArray()).file(), "'x'");
      refused(GgufWriter.llama().raw("x", array(8, 1).u64(length).toByteArray()).file(), "'x'");
    }
  }

  @Test
  void arrays_of_arrays_are_refused() {
    refused(
        GgufWriter.llama().raw("x", array(9, 0).toByteArray()).file(), "'x'", "array of arrays");
  }

  @Test
  void unknown_types_of_values_are_refused_listing_those_there_are() {
    refused(GgufWriter.llama().raw("x", new Out().u32(13).toByteArray()).file(), "13", "FLOAT64");
    refused(GgufWriter.llama().raw("x", array(77, 0).toByteArray()).file(), "77", "UINT8");
  }

  @Test
  void a_key_or_tensor_that_is_there_twice_is_refused() {
    refused(
        sound().put("general.name", "a").put("general.name", "b").file(), "general.name", "twice");
    refused(
        sound().tensor("output_norm.weight", F32, new byte[32], 8).file(),
        "output_norm.weight",
        "twice");
  }

  @Test
  void many_keys_take_time_in_proportion_to_their_number() throws IOException {
    GgufWriter writer = sound();
    IntStream.range(0, 200_000).forEach(i -> writer.put("key" + i, i));
    accepted(writer, checkpoint -> assertThat(checkpoint.tensorNames()).hasSize(2));
  }

  @Test
  void texts_that_are_not_utf_8_are_refused() {
    byte[] bad = new Out().u32(8).u64(2).u8(0xC3).u8(0x28).toByteArray();
    refused(GgufWriter.llama().raw("x", bad).file(), "'x'", "UTF-8");
  }

  @Test
  void shapes_that_no_tensor_has_are_refused() {
    refused(with(entry("output.weight", F32, 0)), "0 dimensions");
    refused(with(entry("output.weight", F32, 0, 1, 1, 1, 1, 1)), "5 dimensions", "1 to 4");
    refused(with(entry("output.weight", F32, 0, 8, 0)), "dimension 1", "is 0");
    refused(with(entry("output.weight", F32, 0, -8)), "dimension 0");
    refused(with(entry("output.weight", F32, 0, 1L << 32, 1L << 32)), "beyond any file");
    refused(with(entry("output.weight", F32, 0, Long.MAX_VALUE)), "beyond any file");
    refused(with(entry("output.weight", F32, 0, 1L << 30, 1L << 31, 4)), "beyond any file");
    refused(with(entry("output.weight", F32, 0, 1L << 40)), "takes");
    refused(with(entry("output.weight", Q8_0, 0, 33)), "blocks of 32");
    refused(with(entry("output.weight", Q8_0, 0, 16, 2)), "blocks of 32");
  }

  private static byte[] with(Entry entry) {
    return GgufWriter.llama().entry(entry).data(64).file();
  }

  @ParameterizedTest
  @EnumSource
  void a_type_that_serval_computes_with_is_read(DType dtype) throws IOException {
    byte[] data = new byte[(int) dtype.bytes(512)];
    StoredTensor written =
        new StoredTensor("output.weight", dtype, List.of(2L, 256L), MemorySegment.ofArray(data));
    accepted(
        sound().tensor(written),
        checkpoint -> {
          StoredTensor read = checkpoint.tensor("lm_head.weight");
          assertThat(read.dtype()).isEqualTo(dtype);
          assertThat(read.shape()).isEqualTo(written.shape());
          assertThat(read.data().byteSize()).isEqualTo(data.length);
        });
  }

  @Test
  void types_that_serval_does_not_compute_with_are_refused_by_name() {
    refused(with(entry("output.weight", 42, 0, 256)), "output.weight", "Q2_0", "IQ2_XXS", "BF16");
    refused(with(entry("output.weight", 40, 0, 256)), "NVFP4");
    refused(with(entry("output.weight", 99, 0, 256)), "number 99");
    refused(with(entry("output.weight", -1, 0, 256)), "number 4294967295");
  }

  @Test
  void tensors_must_follow_each_other() {
    GgufWriter writer = GgufWriter.llama().entry(entry("output.weight", F32, 0, 8));
    refused(writer.entry(entry("output_norm.weight", F32, 64, 8)).data(96).file(), "gap");
    refused(two(0, 0), "within or before another");
    refused(two(32, 0), "gap or is out of order");
    refused(two(0, 33), "no multiple of the alignment 32");
    refused(two(0, Long.MAX_VALUE), "no multiple of the alignment");
    refused(two(0, -32), "offset");
  }

  private static byte[] two(long first, long second) {
    return GgufWriter.llama()
        .entry(entry("output.weight", F32, first, 8))
        .entry(entry("output_norm.weight", F32, second, 8))
        .data(64)
        .file();
  }

  @Test
  void bytes_after_the_last_tensor_are_refused_but_for_padding() throws IOException {
    GgufWriter padded = GgufWriter.llama().entry(entry("output_norm.weight", F32, 0, 9)).data(64);
    accepted(padded, checkpoint -> assertThat(checkpoint.tensorNames()).hasSize(1));
    refused(padded.data(1).file(), "after its last tensor");
  }

  @Test
  void the_alignment_is_a_power_of_two() throws IOException {
    accepted(
        GgufWriter.llama()
            .alignment(64)
            .put("general.alignment", 64)
            .tensor("output.weight", F32, new byte[32], 8)
            .tensor("output_norm.weight", F32, new byte[32], 8),
        checkpoint -> assertThat(checkpoint.tensorNames()).hasSize(2));
    for (int alignment : new int[] {0, 3, 33, -1, Integer.MAX_VALUE}) {
      refused(sound().put("general.alignment", alignment).file(), "general.alignment");
    }
    refused(sound().put("general.alignment", 1 << 30).file());
    refused(sound().put("general.alignment", "32").file(), "general.alignment", "STRING", "whole");
  }

  @Test
  void a_value_of_another_type_is_refused_with_both_types() {
    refused(
        new GgufWriter().put("general.architecture", 7).file(),
        "general.architecture",
        "UINT32",
        "a STRING");
    refused(
        new GgufWriter()
            .put("general.architecture", "llama")
            .put("llama.attention.head_count", 1.5f)
            .file(),
        "llama.attention.head_count",
        "FLOAT32",
        "whole number");
    refused(sound().put("tokenizer.ggml.model", true).file(), "BOOL", "a STRING");
    refused(
        sound().raw("split.count", array(4, 0).toByteArray()).file(),
        "split.count",
        "ARRAY of 0 UINT32");
  }

  @Test
  void a_folder_of_several_files_is_refused() throws IOException {
    Files.write(folder.resolve("a.gguf"), sound().file());
    Files.write(folder.resolve("b.gguf"), sound().file());
    assertThatThrownBy(() -> new GgufReader(1).open(folder, LoadListener.NONE))
        .hasMessageContaining("several files");
  }
}
