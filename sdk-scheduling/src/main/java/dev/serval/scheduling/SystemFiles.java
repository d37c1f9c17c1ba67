package dev.serval.scheduling;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The small text files by which Linux tells about itself, below a root that is {@code /} but in
 * tests. What cannot be read is not there.
 *
 * @param root where {@code proc} and {@code sys} are
 */
record SystemFiles(Path root) {
  private static final Pattern NUMBER = Pattern.compile("\\d{1,18}");

  Optional<String> text(String path) {
    try {
      return Optional.of(Files.readString(root.resolve(path), StandardCharsets.ISO_8859_1));
    } catch (IOException | SecurityException | InvalidPathException e) {
      return Optional.empty();
    }
  }

  List<String> lines(String path) {
    return text(path).map(text -> text.lines().toList()).orElse(List.of());
  }

  OptionalLong number(String path) {
    return text(path).map(SystemFiles::numberIn).orElse(OptionalLong.empty());
  }

  static OptionalLong numberIn(String text) {
    String digits = text.strip();
    return NUMBER.matcher(digits).matches()
        ? OptionalLong.of(Long.parseLong(digits))
        : OptionalLong.empty();
  }

  int count(String folder, Pattern name) {
    try (Stream<Path> entries = Files.list(root.resolve(folder))) {
      return (int) entries.filter(e -> name.matcher(e.getFileName().toString()).matches()).count();
    } catch (IOException | SecurityException e) {
      return 0;
    }
  }
}
