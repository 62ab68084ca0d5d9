// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import "fmt"

// decidePartial decides about the partial snapshots of a group, which is in the
// order of the log, and returns the others, to which the policy applies. A partial
// snapshot goes once its device has published a later one of the group, for the
// next run goes on from that; but not if the later one has lost many of its files.
func decidePartial(out []Decision, members []int) (whole []int) {
	for i, m := range members {
		d := &out[m]
		switch {
		case !d.Snapshot.Body.Partial:
			whole = append(whole, m)
		case i == len(members)-1:
			d.Keep, d.Reasons = true, []string{"partial, and the next backup goes on from it"}
		default:
			next := out[members[i+1]].Snapshot
			d.Keep = lostFiles(d.Snapshot, next)
			d.Reasons = []string{fmt.Sprintf("partial, and snapshot %d followed", next.Seq)}
			if d.Keep {
				d.Reasons = []string{"the next one lost many files"}
			}
		}
	}
	return whole
}
