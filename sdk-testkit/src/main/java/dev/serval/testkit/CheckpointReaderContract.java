package dev.serval.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.CheckpointReader;
import dev.serval.api.storage.FileRange;
import dev.serval.api.storage.FileStamp;
import dev.serval.api.storage.StoredTensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every {@link CheckpointReader} keeps to, whatever its format. */
public abstract class CheckpointReaderContract {
  private static final String EMBEDDING = "model.embed_tokens.weight";
  private static final List<StoredTensor> TENSORS =
      List.of(
          filled(EMBEDDING, DType.BF16, 6, 4),
          filled("model.layers.0.mlp.down_proj.weight", DType.F16, 4, 8),
          filled("model.norm.weight", DType.F32, 4));

  @TempDir private Path folder;

  /** For subclasses. */
  protected CheckpointReaderContract() {}

  /**
   * The reader under test.
   *
   * @return a reader, the same or a new one at each call
   */
  protected abstract CheckpointReader reader();

  /**
   * Writes a checkpoint as others write them: with some configuration, the tokenizer's texts, and
   * these tensors under these names.
   *
   * @param folder where to, an empty folder; nothing goes there that does not belong to the
   *     checkpoint
   * @param tensors what it is to hold
   * @return what {@link #reader} is to open
   * @throws IOException when it cannot be written
   */
  protected abstract Path write(Path folder, List<StoredTensor> tensors) throws IOException;

  private static StoredTensor filled(String name, DType dtype, long... shape) {
    long elements = Arrays.stream(shape).reduce(1, Math::multiplyExact);
    byte[] data = new byte[Math.toIntExact(dtype.bytes(elements))];
    for (int i = 0; i < data.length; i++) {
      data[i] = (byte) (name.length() + 7 * i);
    }
    return new StoredTensor(
        name, dtype, Arrays.stream(shape).boxed().toList(), MemorySegment.ofArray(data));
  }

  private Path written() throws IOException {
    return write(Files.createDirectory(folder.resolve("model")), TENSORS);
  }

  private Checkpoint open(Path path) {
    return reader().open(path, LoadListener.NONE);
  }

  private ArtefactDigest digest(Path path) {
    try (Checkpoint checkpoint = open(path)) {
      return checkpoint.digest();
    }
  }

  @Test
  void it_has_a_short_name_that_its_checkpoints_bear() throws IOException {
    assertThat(reader().format()).matches("[a-z][a-z0-9-]*");
    try (Checkpoint checkpoint = open(written())) {
      assertThat(checkpoint.format()).isEqualTo(reader().format());
    }
  }

  @Test
  void it_recognises_its_own_format_and_nothing_else() throws IOException {
    assertThat(reader().recognises(written())).isTrue();
    assertThat(reader().recognises(folder)).isFalse();
    assertThat(reader().recognises(folder.resolve("nowhere"))).isFalse();
    Path text = Files.writeString(folder.resolve("notes.txt"), "no model");
    assertThat(reader().recognises(text)).isFalse();
  }

  @Test
  void tensors_are_what_was_written() throws IOException {
    try (Checkpoint checkpoint = open(written())) {
      assertThat(checkpoint.tensorNames())
          .containsExactlyElementsOf(TENSORS.stream().map(StoredTensor::name).sorted().toList());
      for (StoredTensor expected : TENSORS) {
        StoredTensor found = checkpoint.tensor(expected.name());
        assertThat(found.name()).isEqualTo(expected.name());
        assertThat(found.dtype()).isEqualTo(expected.dtype());
        assertThat(found.shape()).isEqualTo(expected.shape());
        assertThat(found.data().mismatch(expected.data())).isEqualTo(-1);
      }
    }
  }

  @Test
  void tensors_are_outside_the_heap_and_cannot_be_written() throws IOException {
    try (Checkpoint checkpoint = open(written())) {
      for (String name : checkpoint.tensorNames()) {
        MemorySegment data = checkpoint.tensor(name).data();
        assertThat(data.isNative()).isTrue();
        assertThat(data.isReadOnly()).isTrue();
      }
    }
  }

  @Test
  void tensors_that_say_where_in_a_file_they_lie_lie_there() throws IOException {
    try (Checkpoint checkpoint = open(written())) {
      for (StoredTensor expected : TENSORS) {
        Optional<FileRange> range = checkpoint.tensor(expected.name()).file();
        if (range.isPresent()) {
          assertThat(FileStamp.of(range.get().path())).isEqualTo(range.get().stamp());
          assertThat(bytes(range.get()).mismatch(expected.data())).isEqualTo(-1);
        }
      }
    }
  }

  private static MemorySegment bytes(FileRange range) throws IOException {
    int from = Math.toIntExact(range.offset());
    int to = Math.toIntExact(range.offset() + range.bytes());
    return MemorySegment.ofArray(Arrays.copyOfRange(Files.readAllBytes(range.path()), from, to));
  }

  @Test
  void tensors_can_be_read_by_many_threads() throws IOException {
    try (Checkpoint checkpoint = open(written())) {
      assertThat(
              IntStream.range(0, 64)
                  .parallel()
                  .mapToObj(i -> TENSORS.get(i % TENSORS.size()))
                  .allMatch(t -> checkpoint.tensor(t.name()).data().mismatch(t.data()) == -1))
          .isTrue();
    }
  }

  @Test
  void a_tensor_that_is_not_there_is_met_by_those_most_like_it() throws IOException {
    try (Checkpoint checkpoint = open(written())) {
      assertThatThrownBy(() -> checkpoint.tensor("model.embed_token.weight"))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("model.embed_token.weight")
          .hasMessageContaining(EMBEDDING);
    }
  }

  @Test
  void the_configuration_is_an_unmodifiable_tree_of_plain_values() throws IOException {
    try (Checkpoint checkpoint = open(written())) {
      assertThat(checkpoint.config()).isNotEmpty();
      requirePlain(checkpoint.config());
    }
  }

  private static void requirePlain(Object value) {
    switch (value) {
      case Map<?, ?> map -> {
        assertThat(map.keySet()).hasOnlyElementsOfType(String.class);
        assertThatThrownBy(map::clear).isInstanceOf(UnsupportedOperationException.class);
        map.values().forEach(CheckpointReaderContract::requirePlain);
      }
      case Collection<?> list -> {
        assertThatThrownBy(list::clear).isInstanceOf(UnsupportedOperationException.class);
        list.forEach(CheckpointReaderContract::requirePlain);
      }
      default ->
          assertThat(value).isInstanceOfAny(String.class, Long.class, Double.class, Boolean.class);
    }
  }

  @Test
  void names_cannot_be_removed() throws IOException {
    try (Checkpoint checkpoint = open(written())) {
      assertThatThrownBy(() -> checkpoint.tensorNames().remove(EMBEDDING))
          .isInstanceOf(UnsupportedOperationException.class);
    }
  }

  @Test
  void a_text_that_no_checkpoint_has_is_empty() throws IOException {
    try (Checkpoint checkpoint = open(written())) {
      assertThat(checkpoint.text("no-such-text.json")).isEmpty();
      assertThat(checkpoint.text("../notes.txt")).isEmpty();
    }
  }

  @Test
  void the_digest_depends_on_the_bytes_and_not_on_the_place() throws IOException {
    Path one = written();
    Path other = write(Files.createDirectory(folder.resolve("elsewhere")), TENSORS);
    assertThat(digest(one)).isEqualTo(digest(one)).isEqualTo(digest(other));
  }

  @Test
  void a_byte_that_changes_changes_the_digest_or_is_refused() throws IOException {
    Path path = written();
    ArtefactDigest before = digest(path);
    for (Path file : files()) {
      byte[] bytes = Files.readAllBytes(file);
      for (int i = 0; i < bytes.length; i += 1 + bytes.length / 12) {
        bytes[i] ^= 1;
        Files.write(file, bytes);
        assertThat(digestIfAny(path)).as("%s, byte %d", file, i).isNotEqualTo(Optional.of(before));
        bytes[i] ^= 1;
      }
      Files.write(file, bytes);
    }
    assertThat(digest(path)).isEqualTo(before);
  }

  @Test
  void a_file_that_is_cut_short_changes_the_digest_or_is_refused() throws IOException {
    Path path = written();
    ArtefactDigest before = digest(path);
    for (Path file : files()) {
      byte[] bytes = Files.readAllBytes(file);
      for (int length = 0; length < bytes.length; length += 1 + bytes.length / 12) {
        Files.write(file, Arrays.copyOf(bytes, length));
        assertThat(digestIfAny(path))
            .as("%s, first %d bytes", file, length)
            .isNotEqualTo(Optional.of(before));
      }
      Files.write(file, bytes);
    }
    assertThat(digest(path)).isEqualTo(before);
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(Files::isRegularFile).sorted().toList();
    }
  }

  private Optional<ArtefactDigest> digestIfAny(Path path) {
    try {
      return Optional.of(digest(path));
    } catch (CheckpointException e) {
      assertThat(e).hasMessageContaining(folder.toString());
      return Optional.empty();
    }
  }

  @Test
  void the_listener_hears_every_byte_come_in() throws IOException {
    List<Long> heard = new ArrayList<>();
    List<Long> totals = new ArrayList<>();
    Path path = written();
    reader()
        .open(
            path,
            (stage, done, total) -> {
              assertThat(stage).isNotBlank();
              heard.add(done);
              totals.add(total);
            })
        .close();
    assertThat(heard).isNotEmpty().isSorted();
    assertThat(heard.getLast()).isPositive().isEqualTo(totals.getLast());
    assertThat(totals).containsOnly(totals.getFirst());
  }

  @Test
  void a_listener_that_fails_ends_the_opening() throws IOException {
    Path path = written();
    assertThatThrownBy(() ->
            reader()
                .open(
                    path,
                    (stage, done, total) -> {
                      throw new IllegalStateException("enough");
                    }))
        .hasMessage("enough");
  }

  @Test
  void closing_ends_the_tensors_and_closing_again_does_nothing() throws IOException {
    Checkpoint checkpoint = open(written());
    MemorySegment data = checkpoint.tensor(EMBEDDING).data();
    checkpoint.close();
    assertThatCode(checkpoint::close).doesNotThrowAnyException();
    assertThatThrownBy(() -> data.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> checkpoint.tensor(EMBEDDING))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void checkpoints_opened_twice_are_independent() throws IOException {
    Path path = written();
    try (Checkpoint second = open(path)) {
      open(path).close();
      assertThat(second.tensor(EMBEDDING).data().get(ValueLayout.JAVA_BYTE, 0))
          .isEqualTo(TENSORS.getFirst().data().get(ValueLayout.JAVA_BYTE, 0));
    }
  }

  @Test
  void what_is_no_checkpoint_is_refused_by_name() throws IOException {
    Path nowhere = folder.resolve("nowhere");
    Path empty = Files.createDirectory(folder.resolve("empty"));
    Path text = Files.write(folder.resolve("notes.txt"), "no model".getBytes(UTF_8));
    for (Path path : List.of(nowhere, empty, text)) {
      assertThatThrownBy(() -> open(path))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(path.toString());
    }
  }
}
