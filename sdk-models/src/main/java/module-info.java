import org.jspecify.annotations.NullMarked;

/** Model families and what they need: tokenizers, chat templates and sampling. */
@NullMarked
module dev.serval.models {
  requires transitive dev.serval.api;
  requires static transitive org.jspecify;
}
