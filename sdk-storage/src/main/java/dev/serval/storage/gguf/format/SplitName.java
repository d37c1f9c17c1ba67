package dev.serval.storage.gguf.format;

import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a file is called that is one of several which make up a model, such as {@code
 * model-00001-of-00003.gguf}.
 *
 * @param folder where they are
 * @param model what their names begin with
 * @param number which it is, from 1
 * @param count how many there are
 */
public record SplitName(Path folder, String model, int number, int count) {
  private static final Pattern NAME = Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.gguf");

  public static Optional<SplitName> of(Path file) {
    Matcher name = NAME.matcher(file.getFileName().toString());
    return name.matches()
        ? Optional.of(
            new SplitName(
                file.resolveSibling(""),
                name.group(1),
                Integer.parseInt(name.group(2)),
                Integer.parseInt(name.group(3))))
        : Optional.empty();
  }

  /** The file of a number. */
  public Path file(int other) {
    return folder.resolve("%s-%05d-of-%05d.gguf".formatted(model, other, count));
  }

  /** Whether both are of the same model. */
  public boolean besides(SplitName other) {
    return folder.equals(other.folder) && model.equals(other.model) && count == other.count;
  }
}
