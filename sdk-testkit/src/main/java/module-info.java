import org.jspecify.annotations.NullMarked;

/**
 * One abstract test class for each extension point: whoever implements one extends its contract.
 */
@NullMarked
module dev.serval.testkit {
  requires transitive dev.serval.api;
  requires transitive org.assertj.core;
  requires transitive org.junit.jupiter.api;
  requires java.management;
  requires jdk.management;
  requires static org.jspecify;
  requires tools.jackson.databind;

  exports dev.serval.testkit;

  // JUnit calls the tests that subclasses inherit.
  opens dev.serval.testkit;
}
