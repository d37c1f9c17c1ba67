package dev.serval.testkit.models;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A tiny model with random weights, and what a float64 reference computes with it: for each prompt
 * the logits after it, and the tokens that follow greedily.
 */
public final class Oracle {
  private static final List<String> NAMES = List.of("llama", "llama3-rope", "qwen2", "qwen3");
  private static final String ANSWERS = "oracle.json";
  private static final List<String> FILES =
      List.of(
          ANSWERS, "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json");

  private final String name;
  private final List<int[]> prompts;
  private final List<float[]> logits;
  private final List<int[]> greedy;

  private Oracle(String name, JsonNode answers) {
    this.name = name;
    prompts = answers.get("prompts").valueStream().map(Oracle::ints).toList();
    logits = answers.get("logits").valueStream().map(Oracle::floats).toList();
    greedy = answers.get("greedy").valueStream().map(Oracle::ints).toList();
  }

  /**
   * All there are.
   *
   * @return one for each checkpoint, read anew
   */
  public static List<Oracle> all() {
    return NAMES.stream().map(Oracle::named).toList();
  }

  /**
   * One of them.
   *
   * @param name such as {@code llama3-rope}
   * @return the oracle
   * @throws IllegalArgumentException when there is none of that name, listing what there is
   */
  public static Oracle named(String name) {
    if (!NAMES.contains(name)) {
      throw new IllegalArgumentException("there is no oracle '" + name + "', but " + NAMES);
    }
    try (InputStream in = open(name, ANSWERS)) {
      return new Oracle(name, JsonMapper.shared().readTree(in));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Its name.
   *
   * @return a short name of the family and what is special
   */
  public String name() {
    return name;
  }

  /**
   * Its checkpoint, a folder in Hugging Face's layout.
   *
   * @param parent where to put the folder; the caller's to clean up
   * @return the folder
   * @throws IOException when it cannot be written
   */
  public Path folder(Path parent) throws IOException {
    Path folder = Files.createDirectories(parent.resolve(name));
    for (String file : FILES) {
      try (InputStream in = open(name, file)) {
        Files.copy(in, folder.resolve(file), StandardCopyOption.REPLACE_EXISTING);
      }
    }
    return folder;
  }

  /**
   * What was asked.
   *
   * @return the token ids of each prompt
   */
  public List<int[]> prompts() {
    return prompts;
  }

  /**
   * The scores after each prompt.
   *
   * @return for each prompt one for each token of the vocabulary
   */
  public List<float[]> logits() {
    return logits;
  }

  /**
   * What follows each prompt when the largest logit wins.
   *
   * @return the tokens generated
   */
  public List<int[]> greedy() {
    return greedy;
  }

  private static InputStream open(String name, String file) throws IOException {
    InputStream in = Oracle.class.getResourceAsStream("oracle/" + name + "/" + file);
    if (in == null) {
      throw new IOException("the oracle " + name + " has no file " + file);
    }
    return in;
  }

  private static int[] ints(JsonNode list) {
    return list.valueStream().mapToInt(JsonNode::asInt).toArray();
  }

  private static float[] floats(JsonNode list) {
    float[] values = new float[list.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) list.get(i).asDouble();
    }
    return values;
  }

  /** The name, as parameterised tests show it. */
  @Override
  public String toString() {
    return name;
  }
}
