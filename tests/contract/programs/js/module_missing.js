import nothing from './nothing.js'
