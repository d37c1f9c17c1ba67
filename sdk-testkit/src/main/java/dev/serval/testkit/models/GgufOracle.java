package dev.serval.testkit.models;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A tiny GGUF file with random weights, and what llama.cpp computes with it (with F32 keys and
 * values): for each prompt the tokens that follow greedily and the likeliest alternatives at each
 * step; and how it tokenizes some texts.
 */
public final class GgufOracle {
  private static final List<String> NAMES =
      List.of("llama-Q4_K_M", "llama-Q8_0", "qwen2-Q6_K", "qwen3-BF16", "qwen3-Q4_0");

  /**
   * A token and how likely it is.
   *
   * @param token its id
   * @param logprob the natural logarithm of its probability
   */
  public record Likely(int token, double logprob) {}

  private final String name;
  private final List<int[]> prompts;
  private final List<int[]> greedy;
  private final List<List<List<Likely>>> top;
  private final Map<String, int[]> tokens = new LinkedHashMap<>();

  private GgufOracle(String name, JsonNode answers) {
    this.name = name;
    prompts = answers.get("prompts").valueStream().map(GgufOracle::ints).toList();
    greedy = answers.get("greedy").valueStream().map(GgufOracle::ints).toList();
    top = answers.get("top").valueStream().map(GgufOracle::steps).toList();
    answers.get("tokens").forEachEntry((text, ids) -> tokens.put(text, ints(ids)));
  }

  /**
   * All there are.
   *
   * @return one for each file, read anew
   */
  public static List<GgufOracle> all() {
    return NAMES.stream().map(GgufOracle::named).toList();
  }

  /**
   * One of them.
   *
   * @param name such as {@code llama-Q8_0}
   * @return the oracle
   * @throws IllegalArgumentException when there is none of that name, listing what there is
   */
  public static GgufOracle named(String name) {
    if (!NAMES.contains(name)) {
      throw new IllegalArgumentException("there is no oracle '" + name + "', but " + NAMES);
    }
    try (InputStream in = open(name + ".json")) {
      return new GgufOracle(name, JsonMapper.shared().readTree(in));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The file.
   *
   * @param folder where to put it; the caller's to clean up
   * @return the file
   * @throws IOException when it cannot be written
   */
  public Path file(Path folder) throws IOException {
    Path file = folder.resolve(name + ".gguf");
    try (InputStream in = open(name + ".gguf")) {
      Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
    }
    return file;
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
   * What follows each prompt when the likeliest token wins.
   *
   * @return the tokens generated
   */
  public List<int[]> greedy() {
    return greedy;
  }

  /**
   * The likeliest tokens at each step, the likeliest first.
   *
   * @param prompt which prompt, from 0
   * @return for each step a few tokens
   */
  public List<List<Likely>> top(int prompt) {
    return top.get(prompt);
  }

  /**
   * How texts are tokenized, tokens that are spelt in them recognised, nothing put around them.
   *
   * @return token ids by text
   */
  public Map<String, int[]> tokens() {
    return tokens;
  }

  private static InputStream open(String file) throws IOException {
    InputStream in = GgufOracle.class.getResourceAsStream("oracle-gguf/" + file);
    if (in == null) {
      throw new IOException("there is no oracle file " + file);
    }
    return in;
  }

  private static int[] ints(JsonNode list) {
    return list.valueStream().mapToInt(JsonNode::asInt).toArray();
  }

  private static List<List<Likely>> steps(JsonNode steps) {
    return steps
        .valueStream()
        .map(step -> step.valueStream().map(GgufOracle::likely).toList())
        .toList();
  }

  private static Likely likely(JsonNode pair) {
    return new Likely(pair.get(0).asInt(), pair.get(1).asDouble());
  }

  /** The file's name, as parameterised tests show it. */
  @Override
  public String toString() {
    return name;
  }
}
