import org.jspecify.annotations.NullMarked;

/** A serving runtime as a Guice module. */
@NullMarked
module dev.serval.guice {
  requires transitive dev.serval.runtime;
  requires transitive com.google.guice;
  requires static org.jspecify;

  exports dev.serval.guice;
}
