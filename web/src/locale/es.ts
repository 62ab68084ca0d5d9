// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Catalogue } from "../model/i18n";
import { en } from "./en";

export const es: Catalogue = { ...en };
