package dev.serval.models.text;

import dev.serval.api.storage.CheckpointException;
import java.util.Arrays;

/**
 * The half of a tokenizer that models need which read text and write none: it encodes as a {@code
 * tokenizer.json} says, with what that puts around a text, and never truncates or pads. Usable from
 * any thread until it is closed.
 */
public final class TextEncoder implements AutoCloseable {
  private final NativeTokenizer tokenizer;
  private final int before;
  private final int[] after;

  private TextEncoder(NativeTokenizer tokenizer) {
    this.tokenizer = tokenizer;
    int[] frame = tokenizer.encode("", true);
    int[] example = tokenizer.encode("a", true);
    this.before = common(frame, example);
    this.after = Arrays.copyOfRange(frame, before, frame.length);
  }

  private static int common(int[] one, int[] other) {
    int mismatch = Arrays.mismatch(one, other);
    return mismatch < 0 ? one.length : Math.min(mismatch, one.length);
  }

  /**
   * Makes an encoder.
   *
   * @param root where the file lies, for messages
   * @param name the file's name, for messages
   * @param json what it holds
   * @return the encoder, which the caller closes
   * @throws CheckpointException when it describes no tokenizer
   */
  public static TextEncoder open(String root, String name, String json) {
    JsonFile file = JsonFile.tokenizer(root, name, json);
    return new TextEncoder(NativeTokenizer.open(file, json));
  }

  /**
   * Encodes a text.
   *
   * @param text the text
   * @return its tokens, with those that go around it
   * @throws dev.serval.api.InvalidRequestException when it has half a character in it
   */
  public int[] encode(String text) {
    CheckpointTokenizer.requireWholeCharacters(text);
    return tokenizer.encode(text, true);
  }

  /**
   * Shortens what was encoded, keeping what goes around a text.
   *
   * @param tokens the tokens
   * @param length how many to keep
   * @return as many at most
   */
  public int[] truncate(int[] tokens, int length) {
    if (tokens.length <= length) {
      return tokens;
    }
    int kept = Math.max(0, length - after.length);
    int[] cut = Arrays.copyOf(tokens, kept + after.length);
    System.arraycopy(after, 0, cut, kept, after.length);
    return cut;
  }

  /**
   * How many tokens go around every text.
   *
   * @return those before and after it together
   */
  public int frame() {
    return before + after.length;
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
