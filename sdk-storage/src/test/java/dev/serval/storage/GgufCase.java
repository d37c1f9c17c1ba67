package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import dev.serval.api.LoadListener;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.storage.GgufWriter.Out;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.io.TempDir;

/** GGUF files that a test makes up, and whether they are taken. */
abstract class GgufCase {
  static final int F32 = 0;

  @TempDir Path folder;

  final Checkpoint open(byte[] file) throws IOException {
    Path path = Files.write(folder.resolve("model.gguf"), file);
    return new GgufReader(1).open(path, LoadListener.NONE);
  }

  /** The words are said of the file, whose own path may have any number in it. */
  final void refused(byte[] file, String... words) {
    assertThatThrownBy(() -> open(file).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("model.gguf")
        .extracting(e -> e.getMessage().replace(folder.toString(), ""), STRING)
        .satisfies(said -> Arrays.stream(words).forEach(word -> assertThat(said).contains(word)));
  }

  final void accepted(GgufWriter writer, Consumer<Checkpoint> check) throws IOException {
    try (Checkpoint checkpoint = open(writer.file())) {
      check.accept(checkpoint);
    }
  }

  static GgufWriter sound() {
    return GgufWriter.llama()
        .tensor("token_embd.weight", F32, new byte[96], 8, 3)
        .tensor("output_norm.weight", F32, new byte[32], 8);
  }

  static byte[] floats(float... values) {
    Out out = new Out();
    for (float value : values) {
      out.u32(Float.floatToIntBits(value));
    }
    return out.toByteArray();
  }

  static byte[] sixNumbers() {
    return floats(0, 1, 2, 3, 4, 5);
  }

  /** A small model of an architecture. */
  static GgufWriter named(String architecture) {
    return named(architecture, 1);
  }

  /** The same of so many layers. */
  static GgufWriter named(String architecture, int layers) {
    return embedded(new GgufWriter().put("general.architecture", architecture))
        .sizes(architecture, layers);
  }

  /** The same but for how many heads of keys and values there are. */
  static GgufWriter ofTwoKinds(String architecture, int layers) {
    return embedded(new GgufWriter().put("general.architecture", architecture))
        .sizesButHeads(architecture, layers);
  }

  private static GgufWriter embedded(GgufWriter writer) {
    return writer.tensor("token_embd.weight", F32, new byte[96], 8, 3);
  }

  /** One that says what norms from the mean add. */
  static GgufWriter centred(String architecture) {
    return named(architecture).put(architecture + ".attention.layer_norm_epsilon", 0.25f);
  }

  /** One whose queries, keys and values are one map. */
  static GgufWriter phi3() {
    return layer(named("phi3"), "attn_qkv.weight", "ffn_up.weight");
  }

  /** One with three experts. */
  static GgufWriter experts(String architecture) {
    return experts(architecture, 1);
  }

  /** The same of so many layers. */
  static GgufWriter experts(String architecture, int layers) {
    return named(architecture, layers)
        .put(architecture + ".expert_count", 3)
        .put(architecture + ".expert_used_count", 2)
        .tensor("blk.0.ffn_gate_inp.weight", F32, new byte[96], 8, 3);
  }

  /** A file with vectors in layers, under names that begin with a layer's number. */
  static GgufWriter layers(GgufWriter writer, String... names) {
    for (String name : names) {
      writer.tensor("blk." + name, F32, new byte[32], 8);
    }
    return writer;
  }

  /** A file with vectors in the first layer. */
  static GgufWriter layer(GgufWriter writer, String... names) {
    return layers(writer, Arrays.stream(names).map(name -> "0." + name).toArray(String[]::new));
  }
}
