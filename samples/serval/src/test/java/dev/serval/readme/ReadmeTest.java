package dev.serval.readme;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ReadmeTest {
  private static final Path ROOT = Path.of("../..");

  private static String between(String text, String begin, String end) {
    int from = text.indexOf(begin) + begin.length();
    return text.substring(from, text.indexOf(end, from));
  }

  @ParameterizedTest
  @CsvSource({"README.md, first-screen", "docs/embeddings.md, embeddings"})
  void the_first_screens_code_is_code_that_compiles(String page, String tag) throws IOException {
    String shown = between(Files.readString(ROOT.resolve(page)), "```java\n", "```");
    String compiled =
        between(
            Files.readString(Path.of("src/test/java/dev/serval/readme/Snippets.java")),
            "// tag::" + tag + "[]\n",
            "    // end::" + tag + "[]");
    assertThat(shown.indent(4)).isEqualTo(compiled);
  }

  @Test
  void it_has_no_more_than_600_words() throws IOException {
    assertThat(Files.readString(ROOT.resolve("README.md")).split("\\s+")).hasSizeLessThan(600);
  }

  @Test
  void every_place_it_names_is_there() throws IOException {
    String readme = Files.readString(ROOT.resolve("README.md"));
    Matcher links = Pattern.compile("]\\(([^)#:]+)\\)").matcher(readme);
    while (links.find()) {
      assertThat(ROOT.resolve(links.group(1))).exists();
    }
  }
}
