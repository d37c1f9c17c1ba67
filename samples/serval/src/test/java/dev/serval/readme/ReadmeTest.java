package dev.serval.readme;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

final class ReadmeTest {
  private static final Path ROOT = Path.of("../..");

  private static String between(String text, String begin, String end) {
    int from = text.indexOf(begin) + begin.length();
    return text.substring(from, text.indexOf(end, from));
  }

  @ParameterizedTest
  @CsvSource({
    "README.md, first-screen",
    "docs/application.md, application",
    "docs/http.md, http",
    "docs/embeddings.md, embeddings"
  })
  void a_pages_first_code_is_code_that_compiles(String page, String tag) throws IOException {
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

  static Stream<Path> pages() throws IOException {
    try (Stream<Path> docs = Files.walk(ROOT.resolve("docs"))) {
      List<Path> pages = docs.filter(file -> file.toString().endsWith(".md")).toList();
      return Stream.concat(
          pages.stream(),
          Stream.of("README.md", "CONTRIBUTING.md", "samples/README.md").map(ROOT::resolve));
    }
  }

  @ParameterizedTest
  @MethodSource("pages")
  void every_place_that_a_page_names_is_there(Path page) throws IOException {
    Matcher links = Pattern.compile("]\\(([^)#:\\s]+)(#[^)]*)?\\)").matcher(Files.readString(page));
    while (links.find()) {
      assertThat(page.resolveSibling(links.group(1))).exists();
    }
  }
}
