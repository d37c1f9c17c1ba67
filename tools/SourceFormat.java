import com.google.googlejavaformat.java.Formatter;
import com.google.googlejavaformat.java.FormatterException;
import com.google.googlejavaformat.java.ImportOrderer;
import com.google.googlejavaformat.java.JavaFormatterOptions;
import com.google.googlejavaformat.java.RemoveUnusedImports;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Checks or applies google-java-format on every Java file below some folders.
 *
 * <p>{@code java -classpath (google-java-format) SourceFormat.java check|apply folder[,folder...]}
 */
final class SourceFormat {
  private static final Formatter FORMATTER = new Formatter(JavaFormatterOptions.defaultOptions());

  public static void main(String[] arguments) throws IOException {
    boolean apply = arguments[0].equals("apply");
    List<String> problems = new ArrayList<>();
    for (String folder : arguments[1].split(",")) {
      for (Path file : sourcesBelow(Path.of(folder))) {
        format(file, apply, problems);
      }
    }
    if (!problems.isEmpty()) {
      problems.forEach(problem -> System.err.println("[ERROR] " + problem));
      System.err.println("[ERROR] Format them with: mvn -q -N -Pformat validate");
      System.exit(1);
    }
  }

  private static void format(Path file, boolean apply, List<String> problems) throws IOException {
    String source = Files.readString(file);
    String formatted;
    try {
      formatted =
          FORMATTER.formatSource(
              RemoveUnusedImports.removeUnusedImports(
                  ImportOrderer.reorderImports(source, JavaFormatterOptions.Style.GOOGLE)));
    } catch (FormatterException e) {
      problems.add(file + " cannot be parsed: " + e.getMessage());
      return;
    }
    if (formatted.equals(source)) {
      return;
    }
    if (apply) {
      Files.writeString(file, formatted);
    } else {
      problems.add(file + " is not formatted");
    }
  }

  private static List<Path> sourcesBelow(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .filter(file -> file.toString().endsWith(".java"))
          .filter(file -> !file.toString().matches("(.*/)?(target|\\.git)/.*"))
          .sorted()
          .toList();
    }
  }
}
