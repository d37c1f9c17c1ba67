/** A policy that Serval does not have. */
@NullMarked
package dev.serval.samples.policy;

import org.jspecify.annotations.NullMarked;
