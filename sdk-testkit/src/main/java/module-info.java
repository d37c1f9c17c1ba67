import org.jspecify.annotations.NullMarked;

/**
 * One abstract test class for each extension point: whoever implements one extends its contract.
 *
 * <p>{@link dev.serval.testkit.models} has models to test with, and the answers they should give.
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

  // What an implementation's tests extend.
  exports dev.serval.testkit;

  // What they, and tests of whole runtimes, run.
  exports dev.serval.testkit.models;

  // What models to test with are of.
  uses dev.serval.api.model.ModelFamily;

  // JUnit calls the tests that subclasses inherit.
  opens dev.serval.testkit;
}
