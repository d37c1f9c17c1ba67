package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.LoadListener;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/** Models that several GGUF files make up. */
final class GgufSplitTest extends GgufCase {
  private static GgufWriter part(GgufWriter writer, int number, int count, int tensors) {
    return writer
        .put("split.no", number)
        .put("split.count", count)
        .put("split.tensors.count", tensors);
  }

  private static GgufWriter first(int count, int tensors) {
    return part(GgufWriter.llama(), 0, count, tensors)
        .tensor("token_embd.weight", F32, new byte[96], 8, 3);
  }

  private static GgufWriter norm(int number, int count) {
    byte[] gains = new byte[32];
    Arrays.fill(gains, (byte) 0x3F);
    return part(new GgufWriter(), number, count, 2).tensor("output_norm.weight", F32, gains, 8);
  }

  private Path write(int number, int count, GgufWriter writer) throws IOException {
    String name = String.format(Locale.ROOT, "model-%05d-of-%05d.gguf", number, count);
    return Files.write(folder.resolve(name), writer.file());
  }

  private static Checkpoint open(Path path) {
    return new GgufReader(1).open(path, LoadListener.NONE);
  }

  private static void refused(Path path, String... words) {
    assertThatThrownBy(() -> open(path).close())
        .isInstanceOf(CheckpointException.class)
        .satisfies(
            e -> Arrays.stream(words).forEach(word -> assertThat(e).hasMessageContaining(word)));
  }

  @Test
  void tensors_of_all_files_are_the_models() throws IOException {
    Path first = write(1, 3, first(3, 2));
    write(2, 3, part(new GgufWriter(), 1, 3, 2));
    Path last = write(3, 3, norm(2, 3));
    try (Checkpoint checkpoint = open(first);
        Checkpoint ofFolder = open(folder)) {
      assertThat(checkpoint.tensorNames())
          .containsExactlyInAnyOrder("model.embed_tokens.weight", "model.norm.weight");
      StoredTensor norm = checkpoint.tensor("model.norm.weight");
      assertThat(norm.element(7)).isEqualTo(Float.intBitsToFloat(0x3F3F3F3F));
      assertThat(norm.file().orElseThrow().path()).isEqualTo(last);
      assertThat(ofFolder.digest()).isEqualTo(checkpoint.digest());
      assertThat(ofFolder.tensorNames()).isEqualTo(checkpoint.tensorNames());
    }
  }

  @Test
  void the_digest_is_that_of_all_files() throws IOException {
    Path first = write(1, 2, first(2, 2));
    Path second = write(2, 2, norm(1, 2));
    try (Checkpoint before = open(first)) {
      byte[] bytes = Files.readAllBytes(second);
      bytes[bytes.length - 1]++;
      Files.delete(second);
      Files.write(second, bytes);
      try (Checkpoint after = open(first)) {
        assertThat(after.digest()).isNotEqualTo(before.digest());
      }
    }
  }

  @Test
  void a_file_that_is_not_there_is_named() throws IOException {
    Path first = write(1, 2, first(2, 2));
    refused(first, "model-00002-of-00002.gguf", "is not there");
    refused(folder, "model-00002-of-00002.gguf", "is not there");
  }

  @Test
  void another_than_the_first_is_refused_with_the_name_of_the_first() throws IOException {
    write(1, 2, first(2, 2));
    Path second = write(2, 2, norm(1, 2));
    refused(second, "one of 2", "model-00001-of-00002.gguf");
  }

  @Test
  void a_first_file_under_another_name_is_refused() throws IOException {
    Path file = Files.write(folder.resolve("model.gguf"), first(2, 2).file());
    refused(file, "split.count", "2", "NAME-00001-of-00002.gguf");
    Path ofThree = write(1, 3, first(2, 2));
    refused(ofThree, "split.count", "NAME-00001-of-00002.gguf");
  }

  @Test
  void files_that_do_not_belong_together_are_refused() throws IOException {
    Path first = write(1, 2, first(2, 2));
    write(2, 2, norm(2, 2));
    refused(first, "model-00002-of-00002.gguf", "split.no", "2 of 2", "1 of 2");
    write(2, 2, norm(1, 3));
    refused(first, "split.no", "1 of 3");
    write(2, 2, new GgufWriter());
    refused(first, "split.no", "0 of 1");
    write(2, 2, first(2, 2));
    refused(first, "split.no", "0 of 2");
  }

  @Test
  void a_tensor_that_two_files_have_is_refused_and_so_is_one_too_few() throws IOException {
    Path first = write(1, 2, first(2, 2));
    write(
        2, 2, part(new GgufWriter(), 1, 2, 2).tensor("token_embd.weight", F32, new byte[96], 8, 3));
    refused(first, "token_embd.weight", "00002-of", "00001-of");
    write(2, 2, part(new GgufWriter(), 1, 2, 2));
    refused(first, "split.tensors.count", "2", "have 1");
  }

  @Test
  void a_folder_of_two_models_is_refused() throws IOException {
    write(1, 2, first(2, 2));
    write(2, 2, norm(1, 2));
    write(1, 3, first(3, 2));
    refused(folder, "several files");
  }
}
