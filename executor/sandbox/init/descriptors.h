/* A forked process shares open file descriptions with its parent and siblings. Here each child of a runtime gets its
 * own epolls, eventfds, pipes and /dev/null, under the same numbers and in the same state.
 */
#pragma once

/* In the zygote: record the descriptors above CONTROL. `fail` if one cannot be replaced. */
void record_descriptors(void);
/* In a child: replace the recorded descriptors. */
void replace_descriptors(void);
/* Close all descriptors above CONTROL that are not recorded. */
void close_other_descriptors(void);
