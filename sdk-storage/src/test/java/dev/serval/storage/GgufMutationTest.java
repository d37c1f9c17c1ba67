package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Files changed at random: each is refused, or gives checkpoints that can be read to the end. */
final class GgufMutationTest {
  private static final long[] EXTREMES = {
    0, 1, -1, 31, 33, 255, 65_536, Integer.MAX_VALUE, 1L << 31, 1L << 32, 1L << 62, Long.MAX_VALUE
  };

  @TempDir private Path folder;

  @Test
  @Timeout(120)
  void thousands_of_mutations_are_refused_or_read(TestReporter reporter) throws IOException {
    mutate(2_000, 20261123, reporter);
  }

  @Test
  @Tag("slow")
  @Timeout(600)
  void a_hundred_thousand_mutations_are_refused_or_read(TestReporter reporter) throws IOException {
    mutate(100_000, System.nanoTime(), reporter);
  }

  private void mutate(int times, long seed, TestReporter reporter) throws IOException {
    Random random = new Random(seed);
    List<byte[]> originals = List.of(file("gpt2"), file("llama"));
    int refused = 0;
    reporter.publishEntry("seed", Long.toString(seed));
    for (int i = 0; i < times; i++) {
      byte[] mutated = mutated(originals.get(i % 2), random);
      Path path = Files.write(folder.resolve("mutated.gguf"), mutated);
      refused += refuses(path, "seed %d, mutation %d".formatted(seed, i)) ? 1 : 0;
    }
    assertThat(refused).as("seed %d", seed).isBetween(times / 4, times - 1);
  }

  private static boolean refuses(Path path, String which) {
    try (Checkpoint checkpoint = new GgufReader(1).open(path, LoadListener.NONE)) {
      for (String name : checkpoint.tensorNames()) {
        StoredTensor tensor = checkpoint.tensor(name);
        assertThat(tensor.data().mismatch(tensor.data())).as(which).isEqualTo(-1);
      }
      assertThat(checkpoint.text("tokenizer_config.json")).as(which).isNotNull();
      assertThat(checkpoint.text("tokenizer.json")).as(which).isNotNull();
      return false;
    } catch (CheckpointException e) {
      return true;
    } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
      throw new AssertionError(which, e);
    }
  }

  private static byte[] mutated(byte[] original, Random random) {
    byte[] bytes = original.clone();
    int header = original.length - 1024;
    switch (random.nextInt(5)) {
      case 0 -> {
        for (int i = random.nextInt(3); i >= 0; i--) {
          bytes[random.nextInt(header)] = (byte) random.nextInt();
        }
      }
      case 1 -> bytes[random.nextInt(header)] ^= (byte) (1 << random.nextInt(8));
      case 2 -> {
        long value = EXTREMES[random.nextInt(EXTREMES.length)];
        int at = random.nextInt(header - 8);
        for (int i = 0; i < 8; i++) {
          bytes[at + i] = (byte) (value >>> (8 * i));
        }
      }
      case 3 -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
      default -> {
        int from = random.nextInt(header - 64);
        System.arraycopy(original, from, bytes, random.nextInt(header - 64), random.nextInt(64));
      }
    }
    return bytes;
  }

  private static byte[] file(String tokenizer) {
    GgufWriter writer = GgufWriter.llama();
    writer.put("tokenizer.ggml.model", tokenizer).put("tokenizer.ggml.pre", "gpt-2");
    writer.texts("tokenizer.ggml.tokens", List.of("a", "b", "ab", "<|end|>", "é"));
    writer.integers("tokenizer.ggml.token_type", List.of(1, 1, 1, 3, 1));
    writer.reals("tokenizer.ggml.scores", List.of(0f, -1f, -2f, 0f, -4f));
    writer.texts("tokenizer.ggml.merges", List.of("a b"));
    writer.put("tokenizer.ggml.add_bos_token", true).put("tokenizer.ggml.bos_token_id", 3);
    writer.tensor(tensor("token_embd.weight", DType.F16, 5, 8));
    writer.tensor(tensor("output_norm.weight", DType.F32, 8));
    writer.tensor(tensor("blk.0.attn_q.weight", DType.Q8_0, 8, 32));
    writer.tensor(tensor("blk.0.ffn_down.weight", DType.Q4_K, 2, 256));
    writer.put("llama.expert_count", 3).put("llama.expert_used_count", 2);
    writer.tensor(tensor("blk.0.ffn_gate_exps.weight", DType.Q8_0, 3, 2, 32));
    writer.tensor(tensor("rope_freqs.weight", DType.F32, 2, 1));
    return writer.file();
  }

  private static StoredTensor tensor(String name, DType dtype, long... shape) {
    long elements = Arrays.stream(shape).reduce(1, Math::multiplyExact);
    byte[] data = new byte[(int) dtype.bytes(elements)];
    Arrays.fill(data, (byte) 63);
    List<Long> dimensions = Arrays.stream(shape).boxed().toList();
    return new StoredTensor(
        name,
        dtype,
        name.startsWith("rope") ? dimensions.subList(0, 1) : dimensions,
        MemorySegment.ofArray(data));
  }
}
