import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;

/**
 * Adds up the test reports of all modules and ends with one line, {@code N passed, N failed, N
 * skipped}. Exits with 1 when a test failed, was skipped, or when none ran.
 *
 * <p>A test whose instructions the processor does not have is none that should have run: where the
 * reason names one, and {@code /proc/cpuinfo} does not, it is counted apart.
 *
 * <p>A test that failed and passed when it was repeated is named and counts as passed, since some
 * depend on a clock that the machine's other users share; more than {@value #UNSTEADY_ALLOWED} of
 * them in one run are a failure.
 */
final class TestTotals {
  private static final int UNSTEADY_ALLOWED = 3;
  private static final Path PROCESSOR = Path.of("/proc/cpuinfo");
  private static final Pattern LACKING = Pattern.compile("the processor has no (\\w+)");

  private final Set<String> instructions;

  private int passed;
  private int unsteady;
  private int failed;
  private int skipped;
  private int impossible;

  private TestTotals(Set<String> instructions) {
    this.instructions = instructions;
  }

  public static void main(String[] arguments) throws IOException, XMLStreamException {
    TestTotals totals = new TestTotals(instructions());
    for (Path report : reports()) {
      totals.add(report);
    }
    if (totals.unsteady > 0) {
      System.out.printf(
          "%d passed only when repeated, %d are allowed%n", totals.unsteady, UNSTEADY_ALLOWED);
    }
    if (totals.impossible > 0) {
      System.out.printf(
          "%d need instructions that this processor does not have%n", totals.impossible);
    }
    System.out.printf(
        "%d passed, %d failed, %d skipped%n", totals.passed, totals.failed, totals.skipped);
    System.exit(totals.good() ? 0 : 1);
  }

  private boolean good() {
    return passed > 0 && failed == 0 && skipped == 0 && unsteady <= UNSTEADY_ALLOWED;
  }

  /** What extensions the processor has; nothing where that is not said, as if it had all. */
  private static Set<String> instructions() throws IOException {
    if (!Files.isReadable(PROCESSOR)) {
      return Set.of();
    }
    return Files.readAllLines(PROCESSOR).stream()
        .filter(line -> line.startsWith("flags"))
        .flatMap(line -> Stream.of(line.substring(line.indexOf(':') + 1).strip().split(" ")))
        .collect(Collectors.toSet());
  }

  /** Whether a test was skipped for an instruction that really is not there. */
  private boolean lacks(String reason) {
    Matcher lacking = LACKING.matcher(reason);
    return !instructions.isEmpty() && lacking.find() && !instructions.contains(lacking.group(1));
  }

  private static List<Path> reports() throws IOException {
    try (Stream<Path> files = Files.walk(Path.of("."))) {
      return files
          .filter(file -> file.toString().matches(".*/target/surefire-reports/TEST-[^/]*\\.xml"))
          .sorted()
          .toList();
    }
  }

  private void add(Path report) throws IOException, XMLStreamException {
    try (InputStream in = Files.newInputStream(report)) {
      XMLStreamReader xml = XMLInputFactory.newFactory().createXMLStreamReader(in);
      while (xml.hasNext()) {
        if (xml.next() == XMLStreamConstants.START_ELEMENT
            && xml.getLocalName().equals("testcase")) {
          addTest(xml);
        }
      }
    }
  }

  private void addTest(XMLStreamReader xml) throws XMLStreamException {
    String name =
        xml.getAttributeValue(null, "classname") + "." + xml.getAttributeValue(null, "name");
    boolean bad = false;
    boolean left = false;
    boolean repeated = false;
    StringBuilder reason = new StringBuilder();
    while (!(xml.next() == XMLStreamConstants.END_ELEMENT
        && xml.getLocalName().equals("testcase"))) {
      if (xml.isCharacters()) {
        reason.append(xml.getText());
      }
      if (xml.isStartElement()) {
        bad |= xml.getLocalName().equals("failure") || xml.getLocalName().equals("error");
        repeated |= xml.getLocalName().startsWith("flaky");
        left |= xml.getLocalName().equals("skipped");
      }
    }
    if (bad) {
      failed++;
      System.out.println("failed: " + name);
    } else if (left && lacks(reason.toString())) {
      impossible++;
    } else if (left) {
      skipped++;
      System.out.println("skipped: " + name);
    } else {
      passed++;
    }
    if (repeated) {
      unsteady++;
      System.out.println("passed only when repeated: " + name);
    }
  }
}
