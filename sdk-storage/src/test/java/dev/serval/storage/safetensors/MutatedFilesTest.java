package dev.serval.storage.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.FileStamp;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.SafetensorsReader;
import dev.serval.storage.SafetensorsWriter;
import dev.serval.storage.ShardedModel;
import dev.serval.storage.checkpoint.MappedFile;
import dev.serval.storage.safetensors.format.SafetensorsFile;
import dev.serval.storage.text.JsonCursor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files changed at random, in a small heap: each opens with tensors that fit their files, or is
 * refused with a {@link CheckpointException}. To see a failure again, put its seed in place of the
 * clock.
 */
final class MutatedFilesTest {
  private static final List<StoredTensor> TENSORS =
      List.of(
          filled("model.embed_tokens.weight", DType.BF16, 3, 4),
          filled("model.layers.0.mlp.down_proj.weight", DType.F16, 4, 2),
          filled("model.norm.weight", DType.F32, 4));

  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);
  private final Mutation mutation = new Mutation(random);
  private int opened;

  @TempDir private Path folder;

  @BeforeEach
  void printSeed(TestReporter reporter) {
    reporter.publishEntry("seed", Long.toString(seed));
  }

  private static StoredTensor filled(String name, DType dtype, long... shape) {
    List<Long> dimensions = Arrays.stream(shape).boxed().toList();
    long elements = dimensions.stream().reduce(1L, Math::multiplyExact);
    return new StoredTensor(
        name, dtype, dimensions, MemorySegment.ofArray(new byte[(int) dtype.bytes(elements)]));
  }

  @Test
  @Timeout(120)
  void folders_with_a_changed_file_open_or_are_refused() throws IOException {
    List<Path> targets = targets();
    for (int i = 0; i < 400; i += 20) {
      Path target = targets.get(random.nextInt(targets.size()));
      byte[] original = Files.readAllBytes(target);
      for (int j = i; j < i + 20; j++) {
        openFolder(target, mutant(target, original), j);
      }
      Files.write(target, original);
    }
    assertThat(opened).as("opened, seed %d", seed).isBetween(4, 200);
  }

  /** Single weights, both shards, the index and configurations. */
  private List<Path> targets() throws IOException {
    Path single = SafetensorsWriter.config(Files.createDirectory(folder.resolve("single")));
    Files.write(single.resolve("model.safetensors"), SafetensorsWriter.file(TENSORS));
    Path sharded = SafetensorsWriter.config(Files.createDirectory(folder.resolve("sharded")));
    ShardedModel.write(sharded, TENSORS.subList(0, 2));
    List<Path> targets = new ArrayList<>(files(sharded));
    targets.addAll(files(single));
    return targets;
  }

  private static List<Path> files(Path model) throws IOException {
    try (Stream<Path> all = Files.list(model)) {
      return all.sorted().toList();
    }
  }

  private byte[] mutant(Path target, byte[] original) {
    return target.toString().endsWith(".json")
        ? mutation.ofJson(original)
        : mutation.ofWeights(original);
  }

  private void openFolder(Path target, byte[] mutant, int number) throws IOException {
    Files.write(target, mutant);
    Path model = target.getParent();
    long size = 0;
    for (Path file : files(model)) {
      size += Files.size(file);
    }
    long most = size;
    attempt(
        number,
        mutant,
        () -> {
          try (Checkpoint checkpoint = new SafetensorsReader(1).open(model, LoadListener.NONE)) {
            return checkpoint.tensorNames().stream()
                .map(name -> (Supplier<StoredTensor>) () -> checkpoint.tensor(name))
                .mapToLong(MutatedFilesTest::read)
                .sum();
          }
        },
        most);
  }

  @Test
  @Timeout(120)
  void ten_thousand_changed_files_are_read_or_refused() {
    readFiles(10_000);
  }

  @Test
  @Tag("slow")
  @Timeout(600)
  void a_hundred_thousand_changed_files_are_read_or_refused() {
    readFiles(100_000);
  }

  private void readFiles(int count) {
    byte[] original = SafetensorsWriter.file(TENSORS);
    for (int i = 0; i < count; i++) {
      byte[] mutant = mutation.ofWeights(original);
      attempt(i, mutant, () -> readFile(mutant), mutant.length);
    }
    assertThat(opened).as("read, seed %d", seed).isBetween(count / 100, count / 2);
  }

  private static long readFile(byte[] mutant) {
    SafetensorsFile file = SafetensorsFile.read(inMemory(mutant));
    return file.tensors().values().stream()
        .map(entry -> (Supplier<StoredTensor>) () -> file.tensor(entry, entry.name()))
        .mapToLong(MutatedFilesTest::read)
        .sum();
  }

  @Test
  @Timeout(120)
  void ten_thousand_changed_texts_are_read_or_refused() throws IOException {
    List<Path> texts = targets().stream().filter(f -> f.toString().endsWith(".json")).toList();
    for (Path text : texts) {
      byte[] original = Files.readAllBytes(text);
      for (int i = 0; i < 3_000; i++) {
        byte[] mutant = mutation.ofJson(original);
        attempt(i, mutant, () -> readText(text, mutant), mutant.length);
      }
    }
    assertThat(opened).as("read, seed %d", seed).isBetween(90, 8_000);
  }

  private static long readText(Path text, byte[] mutant) {
    if (text.toString().contains("index")) {
      ShardIndex.read(inMemory(mutant));
    } else {
      JsonCursor.read(inMemory(mutant).toString(), inMemory(mutant).bytes(), JsonCursor::tree);
    }
    return 0;
  }

  private static MappedFile inMemory(byte[] bytes) {
    return new MappedFile(
        Path.of("a.file"),
        MemorySegment.ofArray(bytes),
        new FileStamp("", bytes.length, FileTime.fromMillis(0)));
  }

  private void attempt(int number, byte[] mutant, Supplier<Long> reading, long most) {
    try {
      assertThat(reading.get()).isLessThanOrEqualTo(most);
      opened++;
    } catch (CheckpointException e) {
      assertThat(e.getMessage()).as("seed %d", seed).isNotBlank().hasSizeLessThan(2000);
    } catch (RuntimeException | Error e) {
      throw new AssertionError(
          "seed %d, mutant %d: %s".formatted(seed, number, HexFormat.of().formatHex(mutant)), e);
    }
  }

  /** Takes out a tensor and reads every byte of it. */
  private static long read(Supplier<StoredTensor> source) {
    StoredTensor tensor;
    try {
      tensor = source.get();
    } catch (CheckpointException e) {
      assertThat(e).hasMessageContaining("is of type");
      return 0;
    }
    long size = tensor.data().byteSize();
    assertThat(size).isEqualTo(tensor.dtype().bytes(tensor.elements()));
    for (long at = 0; at < size; at++) {
      assertThat(tensor.data().get(ValueLayout.JAVA_BYTE, at)).isBetween((byte) -128, (byte) 127);
    }
    return size;
  }
}
