// SPDX-License-Identifier: AGPL-3.0-or-later

// Makes codes out of texts: a part of the page that few ever need, and loaded then.
export { encode } from 'uqr';
