import org.jspecify.annotations.NullMarked;

/** A policy that Serval does not have. */
@NullMarked
module dev.serval.samples.policy {
  requires transitive dev.serval.api;
  requires static org.jspecify;

  exports dev.serval.samples.policy;

  provides dev.serval.api.batching.PolicyProvider with
      dev.serval.samples.policy.ShortestAnswerFirst;
}
