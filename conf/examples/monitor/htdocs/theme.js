// SPDX-License-Identifier: Apache-2.0
// Sets the colours before anything is drawn: what was chosen here, else what the reader's system says.
const chosen = localStorage.getItem('monitor-colours');
if (['light', 'dark'].includes(chosen)) document.documentElement.dataset.colours = chosen;
